import type { Readable } from "node:stream";
import type { Database } from "../../../storage/database.ts";
import type { Arrival } from "../arriving/arrival.ts";
import type { EmailFields } from "../mailbox/email-fields.ts";
import type { MailContext } from "../mail-context.ts";
import { composeMessage, type NewPart } from "../message/compose.ts";
import { asText, lastField } from "../message/header-forms.ts";
import { newPart } from "../message/new-part.ts";
import type { HeaderField, Message } from "../message/message.ts";
import type { Vacation } from "../sending/vacation-store.ts";
import type { Judgement } from "./judge-spam.ts";

/** A reply that may be sent: whether it is, the write decides that files the message. */
export interface VacationReply {
  readonly recipient: string;
  readonly raw: Readable;
}

/** Who was told when: each sender once in a while, whatever they write. */
export interface ToldSenders {
  wasTold(account: number, address: string, now: number): boolean;
  /** Inside a write. */
  note(account: number, address: string, now: number): void;
}

/** RFC 5230 §4.1, the usual one. */
const quietMs = 7 * 24 * 60 * 60 * 1000;

export function createToldSenders(database: Database): ToldSenders {
  const select = database.prepare(
    "SELECT 1 FROM vacation_replies WHERE account = ? AND address = ? AND replied_at > ?",
  );
  const put = database.prepare(
    `INSERT INTO vacation_replies (account, address, replied_at) VALUES (?, ?, ?)
     ON CONFLICT (account, address) DO UPDATE SET replied_at = excluded.replied_at`,
  );
  const forget = database.prepare("DELETE FROM vacation_replies WHERE replied_at <= ?");
  return {
    wasTold: (account, address, now) =>
      select.get(account, address.toLowerCase(), now - quietMs) !== undefined,
    note(account, address, now) {
      forget.run(now - quietMs);
      put.run(account, address.toLowerCase(), now);
    },
  };
}

/**
 * The reply of a member who is away (RFC 3834, RFC 8621 §8); undefined where none is due. It goes to the envelope's
 * sender, and only where a person has written to the member by name and that address is not known to be forged.
 */
export function makeVacationReply(
  mail: Pick<MailContext, "addresses" | "config" | "identities" | "now" | "toldSenders" | "vacations">,
  account: number,
  arrival: Arrival,
  read: { message: Message; judgement: Judgement },
): VacationReply | undefined {
  const { judgement } = read;
  const { fields, root } = read.message;
  const vacation = mail.vacations.get(account);
  const now = mail.now();
  if (!isAway(vacation, now) || isAutomatic(arrival.mailFrom, root.headers)) return undefined;
  if (judgement.finding === "forged" || /^(?:soft)?fail$/.test(judgement.spf?.result ?? "")) return undefined;
  if (mail.addresses.find(arrival.mailFrom) === account) return undefined;
  if (mail.toldSenders.wasTold(account, arrival.mailFrom, now)) return undefined;
  const from = addressedAs(mail, account, fields);
  if (from === undefined) return undefined;
  return {
    recipient: arrival.mailFrom,
    raw: compose(mail, account, { vacation, from, to: arrival.mailFrom, fields }),
  };
}

function isAway({ enabled, fromDate, toDate }: Vacation, now: number): boolean {
  return enabled === 1 && (fromDate ?? 0) <= now && now < (toDate ?? Infinity);
}

/** RFC 3834 §2: what no person has written, and what went to many. */
function isAutomatic(mailFrom: string, headers: readonly HeaderField[]): boolean {
  const sender = mailFrom.toLowerCase();
  if (!/^[^@]+@[^@]+$/.test(sender)) return true;
  if (/^(?:mailer-daemon|owner-.*|.*-owner|.*-request|no-?reply|bounces?[-+].*)@/.test(sender)) return true;
  const said = (name: string): string => asText(lastField(headers, name) ?? "").toLowerCase();
  const auto = said("auto-submitted");
  if (auto !== "" && auto.split(/[;\s(]/, 1)[0] !== "no") return true;
  if (/^(?:bulk|junk|list)/.test(said("precedence"))) return true;
  if (/\b(?:all|oof|autoreply)\b/.test(said("x-auto-response-suppress"))) return true;
  return headers.some(({ name }) => /^list-/i.test(name));
}

/** The address of theirs that stands in To or Cc; undefined: they were not written to by name (RFC 5230 §4.5). */
function addressedAs(
  { addresses, config }: Pick<MailContext, "addresses" | "config">,
  account: number,
  { to, cc }: EmailFields,
): string | undefined {
  const own = addresses.of(account);
  for (const { email } of [...(to ?? []), ...(cc ?? [])]) {
    // Others' addresses by the thousand are not looked up.
    if (!email.toLowerCase().endsWith(`@${config.domain}`) || addresses.find(email) !== account) continue;
    return own.includes(email.toLowerCase()) ? email.toLowerCase() : own[0];
  }
  return undefined;
}

function compose(
  mail: Pick<MailContext, "config" | "identities" | "now">,
  account: number,
  { vacation, from, to, fields }: { vacation: Vacation; from: string; to: string; fields: EmailFields },
): Readable {
  const { messageId, references, subject } = fields;
  const text = (name: string, value: string) => ({ name, value: { form: "text", value } }) as const;
  const ids = [...(references ?? []).slice(-20), ...(messageId ?? [])];
  const name = mail.identities.list(account)[0]?.name || null;
  return composeMessage(
    {
      fields: [
        { name: "From", value: { form: "addresses", value: [{ name, email: from }] } },
        { name: "To", value: { form: "addresses", value: [{ name: null, email: to }] } },
        text("Subject", vacation.subject ?? `Automatic reply: ${(subject ?? "").slice(0, 500)}`),
        { name: "Auto-Submitted", value: { form: "raw", value: "auto-replied" } },
        ...(messageId
          ? [{ name: "In-Reply-To", value: { form: "ids", value: messageId.slice(0, 1) } } as const]
          : []),
        ...(ids.length > 0 ? [{ name: "References", value: { form: "ids", value: ids } } as const] : []),
      ],
      root: bodyOf(vacation),
    },
    { domain: mail.config.domain, now: mail.now() },
  );
}

function bodyOf({ textBody, htmlBody }: Vacation): NewPart {
  const plain = newPart("text/plain", textBody ?? "I am away, and shall read your message when I am back.");
  if (htmlBody === null) return plain;
  const html = newPart("text/html", htmlBody);
  return textBody === null ? html : newPart("multipart/alternative", [plain, html]);
}
