import type { Transaction } from "../../../storage/writer.ts";
import type { MailContext } from "../mail-context.ts";

/** Tells the owner whose mailbox is full. What arrives is filed nevertheless: a sender's letter is no place to save room. */
export interface QuotaWatch {
  /** Inside a write that has added to an account. */
  look(transaction: Transaction, account: number): void;
}

export function watchQuota({
  alerts,
  config,
  emails,
  members,
}: Pick<MailContext, "alerts" | "config" | "emails" | "members">): QuotaWatch {
  /** Whether it was full when somebody looked last. */
  const known = new Map<number, boolean>();
  return {
    look(transaction, account) {
      const bytes = emails.bytesOf(account);
      const isFull = bytes > config.quota;
      const name = members.get(account)?.name ?? String(account);
      const id = `mail-full:${name}`;
      transaction.afterCommit(() => {
        if (known.get(account) === isFull) return;
        known.set(account, isFull);
        if (!isFull) return alerts.clear(id);
        alerts.raise({
          id,
          severity: "warning",
          title: "A mailbox is full",
          detail: `${name} has ${megabytes(bytes)} MB of mail, more than the ${megabytes(config.quota)} MB of mail.quota. What arrives is still kept, but ${name} can save no drafts. Ask them to empty the trash, or give more room: burrow config set mail.quota BYTES`,
        });
      });
    },
  };
}

const megabytes = (bytes: number): number => Math.round(bytes / 1_000_000);
