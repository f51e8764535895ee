import { formatId } from "../../jmap/ids.ts";
import type { MailboxRow } from "../../mailbox/mailbox-store.ts";
import type { Zone } from "../zone.ts";

/** What was written into the search box, as conditions of Email/query (RFC 8621 §4.4.1). */
export interface SearchTerms {
  /** All of them hold. */
  readonly terms: readonly SearchTerm[];
  /** What could not be read, in words for people. */
  readonly problems: readonly string[];
}

export interface SearchTerm {
  readonly isNot: boolean;
  readonly condition: Readonly<Record<string, unknown>>;
}

/** `from:ada`, `subject:"a b"`, a word, a phrase; a minus turns one round. */
const term = /(-?)(?:([A-Za-z]+):)?(?:"([^"]*)"?|(\S+))/g;
const textFields = new Set(["from", "to", "cc", "bcc", "subject", "body"]);
const mostTerms = 32;

/**
 * Reads the box: words and phrases; `from:`, `to:`, `cc:`, `bcc:`, `subject:`, `body:`; `has:attachment`; `in:` a
 * mailbox; `is:unread`, `is:read`, `is:flagged`; `before:` and `after:` a day (`2026-05-03`) in the member's time zone.
 */
export function readSearch(text: string, mailboxes: readonly MailboxRow[], zone: Zone): SearchTerms {
  const terms: SearchTerm[] = [];
  const problems: string[] = [];
  const words: string[] = [];
  for (const [whole, minus, name = "", phrase, word = ""] of [...text.matchAll(term)].slice(0, mostTerms)) {
    const value = phrase ?? word;
    const quoted = phrase === undefined ? word : `"${phrase}"`;
    const field = name.toLowerCase();
    const isNot = minus === "-";
    if (field === "") {
      if (isNot) terms.push({ isNot, condition: { text: quoted } });
      else words.push(quoted);
      continue;
    }
    const condition = textFields.has(field) ? { [field]: quoted } : readField(field, value, mailboxes, zone);
    if (condition === undefined) words.push(`"${whole}"`);
    else if (typeof condition === "string") problems.push(condition);
    else terms.push({ isNot, condition });
  }
  if (words.length > 0) terms.unshift({ isNot: false, condition: { text: words.join(" ") } });
  return { terms, problems };
}

/** A text: why it cannot be. Undefined: no field of ours, so that it is a word like `12:30`. */
function readField(
  field: string,
  value: string,
  mailboxes: readonly MailboxRow[],
  zone: Zone,
): Readonly<Record<string, unknown>> | string | undefined {
  const wanted = value.normalize("NFC").toLowerCase();
  if (field === "has") {
    return wanted.startsWith("attach")
      ? { hasAttachment: true }
      : `has:${value} is not known: has:attachment is.`;
  }
  if (field === "is")
    return states.get(wanted) ?? `is:${value} is not known: unread, read, flagged and draft are.`;
  if (field === "in") {
    const mailbox = mailboxes.find(({ name, role }) => name.toLowerCase() === wanted || role === wanted);
    return mailbox ? { inMailbox: formatId("mailbox", mailbox.id) } : `There is no folder “${value}”.`;
  }
  if (field === "before" || field === "after") {
    const start = zone.startOf(value);
    if (start === undefined) return `“${value}” is no day: write it as 2026-05-03.`;
    return { [field]: new Date(start).toISOString() };
  }
  return undefined;
}

const states = new Map<string, Readonly<Record<string, unknown>>>([
  ["unread", { notKeyword: "$seen" }],
  ["read", { hasKeyword: "$seen" }],
  ["flagged", { hasKeyword: "$flagged" }],
  ["draft", { hasKeyword: "$draft" }],
]);
