import type { MailContext } from "../mail-context.ts";
import { resolveId } from "./account.ts";
import { isObject } from "./arguments.ts";
import { invalidProperties, SetError } from "./jmap-error.ts";
import { findMailbox } from "./mailbox-methods.ts";
import type { Call } from "./method.ts";

const mostKeywords = 50;
/** RFC 8621 §1.3.1, maxMailboxesPerEmail. */
export const mostMailboxesPerEmail = 100;

/** RFC 8621 §4.1.1: a set of mailboxes, at least one. Throws SetError. */
export function readMailboxIds(mail: MailContext, call: Call, account: number, value: unknown): number[] {
  const ids = readSet(value, "mailboxIds");
  if (ids.length === 0) throw invalidProperties("An email lies in at least one mailbox.", "mailboxIds");
  if (ids.length > mostMailboxesPerEmail)
    throw new SetError("tooManyMailboxes", `An email lies in at most ${mostMailboxesPerEmail} mailboxes.`);
  return ids.map((id) => {
    const mailbox = findMailbox(mail, account, resolveId(call, id));
    if (!mailbox) throw invalidProperties(`There is no mailbox ${id.slice(0, 100)}.`, "mailboxIds");
    return mailbox.id;
  });
}

/** RFC 8621 §4.1.1: as IMAP has them, in lower case. Throws SetError. */
export function readKeywords(value: unknown): string[] {
  const keywords = readSet(value ?? {}, "keywords").map((keyword) => keyword.toLowerCase());
  if (keywords.length > mostKeywords)
    throw new SetError("tooManyKeywords", `An email has at most ${mostKeywords} keywords.`);
  const wrong = keywords.find(
    (keyword) => !/^[\x21\x23\x24\x26\x27\x2b-\x5b\x5d\x5e-\x7a\x7c\x7d\x7e]{1,255}$/.test(keyword),
  );
  if (wrong !== undefined) throw invalidProperties(`${wrong.slice(0, 100)} cannot be a keyword.`, "keywords");
  return [...new Set(keywords)];
}

function readSet(value: unknown, property: string): string[] {
  if (!isObject(value) || Object.values(value).some((entry) => entry !== true))
    throw invalidProperties(`${property} must be an object whose values are true.`, property);
  return Object.keys(value);
}

/** UTCDate; null and nothing are now. Throws SetError. */
export function readReceivedAt(value: unknown, now: number): number {
  if (value === undefined || value === null) return now;
  const time =
    typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(value)
      ? Date.parse(value)
      : Number.NaN;
  if (Number.isNaN(time)) throw invalidProperties("receivedAt must be a UTC date.", "receivedAt");
  return time;
}
