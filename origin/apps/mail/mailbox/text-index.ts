import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";

/** What the search looks through of an email: subject, sender, recipients, cc, bcc and body. */
export type IndexedText = readonly [string, string, string, string, string, string];

export interface TextIndex {
  /** Inside a write: the email is found by its text once that is committed. */
  add(transaction: Transaction, email: number, text: IndexedText): void;
}

/**
 * The texts of all emails of a commit go into the index together, behind the writes themselves: FTS5 puts what it has
 * gathered onto the disk at every savepoint, and each write is one. One by one they cost three times as much.
 */
export function createTextIndex(database: Database): TextIndex {
  const insert = database.prepare(
    "INSERT INTO email_text (rowid, subject, sender, recipients, cc, bcc, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const select = database.prepare("SELECT 1 FROM emails WHERE id = ?");
  const waiting = new Map<number, IndexedText>();
  database.beforeCommit(() => {
    // One of them may have been removed by a later write of the same commit.
    for (const [email, text] of waiting) if (select.get(email)) insert.run(email, ...text);
    waiting.clear();
  });
  return {
    add(transaction, email, text) {
      waiting.set(email, text);
      transaction.onRollback(() => void waiting.delete(email));
    },
  };
}
