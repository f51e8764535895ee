import type { Readable } from "node:stream";
import { Headers } from "mailsplit";
import type { MailContext } from "../mail-context.ts";
import { type EmailFields, fieldsOf } from "../mailbox/email-fields.ts";
import { composeMessage, type NewField } from "../message/compose.ts";
import { newPart } from "../message/new-part.ts";
import { openMessage } from "./prepare-message.ts";
import type { Consignment } from "./queue-store.ts";

/** What is said of one recipient. */
export interface Reported {
  readonly address: string;
  /** An SMTP reply. */
  readonly reply: string;
}

export type ReportKind = "failed" | "delayed";

/** Bytes of a header that are quoted. */
const quotedHead = 64 * 1024;

/**
 * Tells the sender that a message could not be delivered, or that it waits (RFC 3464): a text for people first, then the
 * same for programs, then the header of the message. As raw bytes.
 */
export async function composeReport(
  mail: Pick<MailContext, "blobs" | "config" | "now">,
  consignment: Consignment,
  kind: ReportKind,
  about: readonly Reported[],
): Promise<Readable> {
  const { domain } = mail.config;
  const { head, close } = await openMessage(mail, consignment.hash);
  close();
  const { subject, messageId } = readFields(head);
  const title = kind === "failed" ? "Could not be delivered" : "Not delivered yet";
  const named = subject === null || subject === "" ? "(no subject)" : subject.slice(0, 200);
  const ids = messageId ?? [];
  const answered = ids.length === 0 ? [] : ["In-Reply-To", "References"];
  return composeMessage(
    {
      fields: [
        address("From", "Mail delivery", `mailer-daemon@${domain}`),
        address("To", null, consignment.mailFrom),
        { name: "Subject", value: { form: "text", value: `${title}: ${named}` } },
        { name: "Auto-Submitted", value: { form: "raw", value: "auto-replied" } },
        ...answered.map((name): NewField => ({ name, value: { form: "ids", value: ids } })),
      ],
      root: newPart("multipart/report; report-type=delivery-status", [
        newPart("text/plain", forPeople(kind, named, about)),
        newPart("message/delivery-status", forPrograms(kind, domain, about)),
        newPart("text/rfc822-headers", head.subarray(0, quotedHead).toString("utf8").trimEnd()),
      ]),
    },
    { domain, now: mail.now() },
  );
}

function readFields(head: Buffer): EmailFields {
  const lines = new Headers(head).getList().map(({ line }) => {
    const text = Buffer.from(line, "latin1").toString("utf8");
    const colon = text.indexOf(":");
    return { name: text.slice(0, colon), value: text.slice(colon + 1) };
  });
  return fieldsOf(lines);
}

function forPeople(kind: ReportKind, subject: string, about: readonly Reported[]): string {
  const list = about.map(({ address: to, reply }) => `  ${to}\n    ${reply}`).join("\n");
  const [first, last] =
    kind === "failed"
      ? [
          `Your message "${subject}" could not be delivered to:`,
          "It is not tried again. Look whether the address is right; what was said about it stands below each. Your message is where it was, among those that you have sent.",
        ]
      : [
          `Your message "${subject}" has not been delivered yet to:`,
          "You need not do anything: it is tried again for three days from when you sent it, and you are told if it cannot be delivered then.",
        ];
  return `${first}\n\n${list}\n\n${last}\n`;
}

/** RFC 3464 §2: fields of the message, then of each recipient. */
function forPrograms(kind: ReportKind, domain: string, about: readonly Reported[]): string {
  const recipients = about.map(({ address: to, reply }) => {
    const isFinal = kind === "failed";
    const status = /^\d{3} ([245]\.\d{1,3}\.\d{1,3})\b/.exec(reply)?.[1] ?? (isFinal ? "5.0.0" : "4.0.0");
    return [
      `Final-Recipient: ${recipientOf(to)}`,
      `Action: ${kind}`,
      // The relay's own may be of another class than what came of it: a try too many that failed for now.
      `Status: ${status.replace(/^\d/, isFinal ? "5" : "4")}`,
      `Diagnostic-Code: smtp; ${reply.replaceAll(/[^\x20-\x7e]/g, "?")}`,
    ].join("\n");
  });
  return [`Reporting-MTA: dns; ${domain}`, ...recipients].join("\n\n");
}

/** RFC 6533 §3: an address in other letters than ASCII, in ASCII. */
function recipientOf(to: string): string {
  if (/^[\x21-\x7e]*$/.test(to)) return `rfc822; ${to}`;
  // By code points, as they are written.
  const escaped = Array.from(to, (letter) =>
    /^[\x21-\x7e]$/.test(letter) && !"\\+=".includes(letter)
      ? letter
      : `\\x{${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`,
  );
  return `utf-8; ${escaped.join("")}`;
}

function address(name: string, display: string | null, email: string): NewField {
  return { name, value: { form: "addresses", value: [{ name: display, email }] } };
}
