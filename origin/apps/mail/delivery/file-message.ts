import type { Transaction } from "../../../storage/writer.ts";
import type { Arrival } from "../arriving/arrival.ts";
import type { MailContext } from "../mail-context.ts";
import type { Role } from "../mailbox/mailbox-store.ts";
import { asText, lastField } from "../message/header-forms.ts";
import type { Message } from "../message/message.ts";
import { applyRules, type Wish } from "./apply-rules.ts";
import type { Judgement } from "./judge-spam.ts";
import type { Recipient } from "./resolve-recipient.ts";

/** A message that has been read and judged. */
export interface Readied {
  readonly arrival: Arrival;
  readonly message: Message;
  readonly recipient: Recipient;
  readonly judgement: Judgement;
}

export interface Filed {
  readonly isSpam: boolean;
  readonly isTrashed: boolean;
}

/** On what came to the owner because nobody has the address that it was sent to. */
export const misaddressed = "misaddressed";

/** Inside a write: puts the message where the member's rules want it, else among the spam or into the Inbox. */
export function fileMessage(
  mail: Pick<MailContext, "emails" | "judgedSenders" | "mailboxes" | "rules" | "verdicts">,
  transaction: Transaction,
  account: number,
  { arrival, message, recipient, judgement }: Readied,
): Filed {
  mail.mailboxes.openAccount(transaction, account);
  const isSpam = mail.judgedSenders.isSpam(account, message.fields) ?? judgement.finding === "forged";
  const wish = applyRules(mail.rules.list(account), {
    fields: message.fields,
    recipient: arrival.recipient,
    listId: asText(lastField(message.root.headers, "list-id") ?? ""),
    hasAttachment: message.hasAttachment,
    isSpam,
  });
  const keywords = [
    ...wish.keywords,
    ...(isSpam ? ["$junk"] : []),
    ...(recipient.kind === "unknown" ? [misaddressed] : []),
  ];
  const { id } = mail.emails.add(transaction, {
    account,
    blob: { hash: arrival.hash, size: arrival.size },
    message,
    mailboxes: [chooseMailbox(mail, account, { wish, isSpam, tag: recipient.tag })],
    keywords,
    receivedAt: arrival.receivedAt,
  });
  const { mailFrom } = arrival;
  mail.verdicts.add(id, { mailFrom, recipient: arrival.recipient, isSpam, results: judgement.results });
  return { isSpam, isTrashed: wish.trash };
}

function chooseMailbox(
  mail: Pick<MailContext, "mailboxes">,
  account: number,
  { wish, isSpam, tag }: { wish: Wish; isSpam: boolean; tag: string | null },
): number {
  const withRole = (role: Role): number | undefined => mail.mailboxes.byRole(account, role)?.id;
  const wanted = wish.trash
    ? withRole("trash")
    : wish.fileInto === undefined
      ? undefined
      : mail.mailboxes.get(account, wish.fileInto)?.id;
  const chosen =
    wanted ?? (isSpam ? withRole("junk") : mailboxNamed(mail, account, tag)) ?? withRole("inbox");
  if (chosen === undefined) throw new Error("The account has no inbox.");
  return chosen;
}

/** `ada+shopping@` goes into the mailbox "Shopping", where ada has made one. */
function mailboxNamed(
  { mailboxes }: Pick<MailContext, "mailboxes">,
  account: number,
  tag: string | null,
): number | undefined {
  if (tag === null) return undefined;
  const wanted = tag.normalize("NFKC").toLowerCase();
  return mailboxes
    .list(account)
    .find(
      ({ parent, role, name }) =>
        parent === null && role === null && name.normalize("NFKC").toLowerCase() === wanted,
    )?.id;
}
