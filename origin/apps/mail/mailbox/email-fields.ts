import {
  asAddresses,
  asDate,
  asMessageIds,
  asText,
  type EmailAddress,
  lastField,
} from "../message/header-forms.ts";
import type { HeaderField } from "../message/message.ts";
import { baseSubject } from "./base-subject.ts";

/** The header fields that lists show and threads go by, as JMAP has them (RFC 8621 §4.1.3); kept beside each email. */
export interface EmailFields {
  readonly messageId: string[] | null;
  readonly inReplyTo: string[] | null;
  readonly references: string[] | null;
  readonly sender: EmailAddress[] | null;
  readonly from: EmailAddress[] | null;
  readonly to: EmailAddress[] | null;
  readonly cc: EmailAddress[] | null;
  readonly bcc: EmailAddress[] | null;
  readonly replyTo: EmailAddress[] | null;
  readonly subject: string | null;
  /** RFC 3339, with the sender's own offset. */
  readonly sentAt: string | null;
}

export function fieldsOf(headers: readonly HeaderField[]): EmailFields {
  const read = <T>(name: string, form: (raw: string) => T): T | null => {
    const raw = lastField(headers, name);
    return raw === undefined ? null : form(raw);
  };
  return {
    messageId: read("message-id", asMessageIds),
    inReplyTo: read("in-reply-to", asMessageIds),
    references: read("references", asMessageIds),
    sender: read("sender", asAddresses),
    from: read("from", asAddresses),
    to: read("to", asAddresses),
    cc: read("cc", asAddresses),
    bcc: read("bcc", asAddresses),
    replyTo: read("reply-to", asAddresses),
    subject: read("subject", asText),
    sentAt: read("date", asDate),
  };
}

const longestKey = 1000;

/** By what emails are sorted: folded, so that the order of the keys is that of `i;unicode-casemap`, nearly. */
export function sortKeysOf(fields: EmailFields): { subject: string; from: string; to: string } {
  return {
    subject: baseSubject(fields.subject ?? ""),
    from: sortKeyOf(fields.from),
    to: sortKeyOf(fields.to),
  };
}

/** RFC 8621 §4.4.2: the name of the first address, or the address where there is none. */
function sortKeyOf(addresses: readonly EmailAddress[] | null): string {
  const first = addresses?.[0];
  return (first?.name ?? first?.email ?? "").slice(0, longestKey).normalize("NFKC").toLowerCase();
}

/** Subject, sender, recipients, cc and bcc as the search looks through them. */
export function indexedTextOf(fields: EmailFields): [string, string, string, string, string] {
  return [
    fields.subject ?? "",
    wordsOf(fields.from),
    wordsOf(fields.to),
    wordsOf(fields.cc),
    wordsOf(fields.bcc),
  ];
}

function wordsOf(addresses: readonly EmailAddress[] | null): string {
  return (addresses ?? []).map(({ name, email }) => `${name ?? ""} ${email}`).join("\n");
}
