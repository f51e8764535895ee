import { inSmallWrites } from "../../../storage/small-writes.ts";
import type { MailContext } from "../mail-context.ts";

/** Rows of one write: others must get their turn in between. */
const atATime = 100;

/** Tables of an account's that hold little; each goes before those that it points at. */
const small = [
  "DELETE FROM recipients WHERE submission IN (SELECT id FROM submissions WHERE account = ?)",
  "DELETE FROM submissions WHERE account = ?",
  "DELETE FROM identities WHERE account = ?",
  "DELETE FROM vacations WHERE account = ?",
  "DELETE FROM webmail_acts WHERE account = ?",
  "DELETE FROM push_subscriptions WHERE account = ?",
  "DELETE FROM uploads WHERE account = ?",
  "DELETE FROM hand_overs WHERE account = ?",
  "DELETE FROM rules WHERE account = ?",
  "DELETE FROM judged_senders WHERE account = ?",
  "DELETE FROM vacation_replies WHERE account = ?",
  "DELETE FROM alias_members WHERE member = ?",
  "DELETE FROM thread_links WHERE account = ?",
  "DELETE FROM threads WHERE account = ?",
  "DELETE FROM states WHERE account = ?",
];

/**
 * Takes away all that an account has, and the account. In small writes; done anew after a kill, each finds what is left.
 * Stops early, with false, once `isClosed`.
 */
export async function eraseAccount(
  { database, blobs, emails }: Pick<MailContext, "blobs" | "database" | "emails">,
  account: number,
  isClosed: () => boolean,
): Promise<boolean> {
  const someEmails = database.prepare<{ id: number }>("SELECT id FROM emails WHERE account = ? LIMIT ?");
  const someDestroyed = database.prepare(
    `DELETE FROM destroyed WHERE (account, type, seq, id) IN
       (SELECT account, type, seq, id FROM destroyed WHERE account = ? LIMIT ?)`,
  );
  // Mailboxes lie in one another: those without children go first.
  const someMailboxes = database.prepare(
    `DELETE FROM mailboxes WHERE account = ? AND id NOT IN
       (SELECT parent FROM mailboxes WHERE parent IS NOT NULL)`,
  );
  await inSmallWrites(
    database,
    (transaction) => {
      const some = someEmails.all(account, atATime);
      for (const { id } of some) {
        const email = emails.get(account, id);
        if (email) emails.remove(transaction, email);
      }
      return some.length === atATime;
    },
    isClosed,
  );
  for (const sql of small) {
    if (isClosed()) return false;
    await database.write(() => void database.prepare(sql).run(account));
  }
  await inSmallWrites(database, () => someDestroyed.run(account, atATime).changes === atATime, isClosed);
  await inSmallWrites(database, () => someMailboxes.run(account).changes > 0, isClosed);
  if (isClosed()) return false;
  await database.write(() => void database.prepare("DELETE FROM accounts WHERE id = ?").run(account));
  await blobs.collect();
  return !isClosed();
}
