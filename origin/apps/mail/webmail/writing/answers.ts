import type { EmailFields } from "../../mailbox/email-fields.ts";
import type { EmailRow } from "../../mailbox/email-store.ts";
import type { EmailAddress } from "../../message/header-forms.ts";
import type { IdentityRow } from "../../sending/identity-store.ts";
import { wordsOf } from "../reading/words-of.ts";
import type { WebmailContext } from "../webmail-context.ts";
import type { Zone } from "../zone.ts";
import { attachmentsOf, type Draft, emptyDraft } from "./draft.ts";
import { writeRecipients } from "./recipients.ts";

export type AnswerKind = "reply" | "reply-all" | "forward";

/** Characters that are quoted. */
const longestQuote = 100_000;

/** What an answer begins with: to whom, about what, and the words that it answers. */
export async function beginAnswer(
  webmail: WebmailContext,
  email: EmailRow,
  kind: AnswerKind,
  { identities, zone }: { identities: readonly IdentityRow[]; zone: Zone },
): Promise<Draft> {
  const { mail } = webmail;
  const fields = JSON.parse(email.fields) as EmailFields;
  const isOwn = ({ email: address }: EmailAddress): boolean => mail.addresses.find(address) === email.account;
  const everybody = [...(fields.to ?? []), ...(fields.cc ?? [])];
  const identity = identities.find((one) =>
    everybody.some(({ email: to }) => to.toLowerCase() === one.email),
  );
  const signature = signed(identity ?? identities[0]);
  const base = { ...emptyDraft, answers: email.id, identity: identity?.id };
  const text = await textOf(webmail, email);
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

async function textOf(webmail: WebmailContext, email: EmailRow): Promise<string> {
  const words = await wordsOf(webmail, email);
  return words.join("\n").slice(0, longestQuote).toWellFormed().trim();
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
