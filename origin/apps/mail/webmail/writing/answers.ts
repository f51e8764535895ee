import type { MailContext } from "../../mail-context.ts";
import type { EmailFields } from "../../mailbox/email-fields.ts";
import type { EmailRow } from "../../mailbox/email-store.ts";
import { listBodies } from "../../message/body-lists.ts";
import type { EmailAddress } from "../../message/header-forms.ts";
import { htmlToText } from "../../message/html-to-text.ts";
import type { IdentityRow } from "../../sending/identity-store.ts";
import type { Zone } from "../zone.ts";
import { attachmentsOf, type Draft, emptyDraft } from "./draft.ts";
import { writeRecipients } from "./recipients.ts";

export type AnswerKind = "reply" | "reply-all" | "forward";

/** Characters that are quoted. */
const longestQuote = 100_000;

/** What an answer begins with: to whom, about what, and the words that it answers. */
export function beginAnswer(
  mail: MailContext,
  email: EmailRow,
  kind: AnswerKind,
  { identities, zone }: { identities: readonly IdentityRow[]; zone: Zone },
): Draft {
  const fields = JSON.parse(email.fields) as EmailFields;
  const isOwn = ({ email: address }: EmailAddress): boolean => mail.addresses.find(address) === email.account;
  const everybody = [...(fields.to ?? []), ...(fields.cc ?? [])];
  const identity = identities.find((one) =>
    everybody.some(({ email: to }) => to.toLowerCase() === one.email),
  );
  const signature = signed(identity ?? identities[0]);
  const base = { ...emptyDraft, answers: email.id, identity: identity?.id };
  const text = textOf(mail, email);
  if (kind === "forward") {
    return {
      ...base,
      // What is passed on begins a thread of its own.
      answers: undefined,
      subject: prefixed("Fwd: ", /^fwd?:/i, fields.subject),
      body: `\n${signature}\n${passedOn(fields, email, zone)}\n\n${text}`,
      attachments: attachmentsOf(mail, email),
    };
  }
  const isMine = fields.from?.some(isOwn) ?? false;
  const to = isMine ? (fields.to ?? []) : (fields.replyTo ?? fields.from ?? []);
  const known = new Set(to.map(({ email: address }) => address.toLowerCase()));
  const cc = (isMine ? (fields.cc ?? []) : everybody).filter(
    (one) => !isOwn(one) && !known.has(one.email.toLowerCase()),
  );
  const [author] = fields.from ?? [];
  return {
    ...base,
    to: writeRecipients(to),
    cc: kind === "reply-all" ? writeRecipients(cc) : "",
    subject: prefixed("Re: ", /^re:/i, fields.subject),
    body: `\n${signature}\nOn ${plain(zone, email.receivedAt)}, ${author?.name ?? author?.email ?? "somebody"} wrote:\n${quote(text)}`,
  };
}

/** RFC 3676 §4.3. */
export function signed(identity: IdentityRow | undefined): string {
  const signature = identity?.textSignature.trimEnd() ?? "";
  return signature === "" ? "" : `\n-- \n${signature}\n`;
}

const prefixed = (prefix: string, known: RegExp, subject: string | null): string =>
  known.test(subject ?? "") ? (subject ?? "") : `${prefix}${subject ?? ""}`;

/** In words of no language's markup. */
function plain(zone: Zone, time: number): string {
  return new Intl.DateTimeFormat("en-GB", {
    dateStyle: "long",
    timeStyle: "short",
    timeZone: zone.name,
  }).format(time);
}

function textOf(mail: MailContext, { hash }: EmailRow): string {
  const { root, texts } = mail.emails.bodyOf(hash);
  return listBodies(root)
    .textBody.map(({ partId, type }) => {
      const text = texts[partId ?? ""]?.value ?? "";
      return type === "text/html" ? htmlToText(text) : text;
    })
    .join("\n")
    .slice(0, longestQuote)
    .toWellFormed()
    .trim();
}

/** The signature of whoever wrote is no part of what is answered. */
function quote(text: string): string {
  const [words = ""] = text.split(/^-- $/m);
  return words
    .trimEnd()
    .split("\n")
    .map((line) => (line.startsWith(">") ? `>${line}` : `> ${line}`))
    .join("\n");
}

function passedOn(fields: EmailFields, { receivedAt }: EmailRow, zone: Zone): string {
  return [
    "---------- Forwarded message ----------",
    `From: ${writeRecipients(fields.from)}`,
    `Date: ${plain(zone, receivedAt)}`,
    `Subject: ${fields.subject ?? ""}`,
    `To: ${writeRecipients(fields.to)}`,
    ...(fields.cc ? [`Cc: ${writeRecipients(fields.cc)}`] : []),
  ].join("\n");
}
