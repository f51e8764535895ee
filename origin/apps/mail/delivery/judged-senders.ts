import type { Database } from "../../../storage/database.ts";
import type { EmailFields } from "../mailbox/email-fields.ts";
import type { EmailRow } from "../mailbox/email-store.ts";
import type { MailboxStore } from "../mailbox/mailbox-store.ts";

/**
 * What members teach by moving mail: whoever is taken out of the spam lands there no more, and whoever is put there does
 * henceforth. By the address in From, for that member alone; the last move counts.
 */
export interface JudgedSenders {
  /** Undefined: nothing was said of the sender. */
  isSpam(account: number, fields: Pick<EmailFields, "from">): boolean | undefined;
  /** Inside a write: a member has moved the email from the one mailboxes to the others. */
  learn(email: EmailRow, before: readonly number[], after: readonly number[]): void;
}

export function createJudgedSenders(
  database: Database,
  mailboxes: Pick<MailboxStore, "byRole">,
): JudgedSenders {
  const select = database.prepare<{ isSpam: number }>(
    "SELECT is_spam AS isSpam FROM judged_senders WHERE account = ? AND address = ?",
  );
  const put = database.prepare(
    `INSERT INTO judged_senders (account, address, is_spam) VALUES (?, ?, ?)
     ON CONFLICT (account, address) DO UPDATE SET is_spam = excluded.is_spam`,
  );
  return {
    isSpam(account, fields) {
      const address = senderOf(fields);
      const row = address === undefined ? undefined : select.get(account, address);
      return row && row.isSpam === 1;
    },
    learn(email, before, after) {
      const junk = mailboxes.byRole(email.account, "junk")?.id;
      const trash = mailboxes.byRole(email.account, "trash")?.id;
      const address = senderOf(JSON.parse(email.fields) as EmailFields);
      if (junk === undefined || address === undefined || before.includes(junk) === after.includes(junk))
        return;
      const isSpam = after.includes(junk);
      // Thrown away from among the spam: that says nothing.
      if (isSpam || after.some((id) => id !== trash)) put.run(email.account, address, Number(isSpam));
    },
  };
}

/** Undefined where there are several: none of them is known to have written it. */
function senderOf({ from }: Pick<EmailFields, "from">): string | undefined {
  return from?.length === 1 ? from[0]?.email.toLowerCase() : undefined;
}
