import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Changes } from "../mailbox/changes.ts";
import type { ChangedEmail as ChangedRow } from "../mailbox/email-store.ts";

/** A message on its way out, or that has gone (RFC 8621 §7). */
export interface SubmissionRow {
  readonly id: number;
  readonly account: number;
  readonly identity: number;
  readonly email: number;
  readonly thread: number;
  /** What is sent; null once nothing is to be sent any more. */
  readonly hash: string | null;
  readonly size: number;
  readonly mailFrom: string;
  /** Unix ms. */
  readonly sendAt: number;
  readonly undo: "pending" | "final" | "canceled";
  /** JSON of the hashes of the reports about it that lie in the sender's mailbox. */
  readonly dsns: string;
  readonly createdSeq: number;
  readonly changedSeq: number;
}

export interface Recipient {
  readonly address: string;
  /** JSON of the parameters that the client gave, or null. */
  readonly parameters: string | null;
  readonly state: "queued" | "sending" | "sent" | "failed" | "canceled";
  /** The relay's last answer, with its code; empty before one. */
  readonly reply: string;
}

export interface NewSubmission {
  readonly identity: number;
  readonly email: number;
  readonly thread: number;
  readonly hash: string;
  readonly size: number;
  readonly mailFrom: string;
  readonly recipients: readonly { address: string; parameters: string | null }[];
  readonly sendAt: number;
}

/** All but the reads inside a write. */
export interface SubmissionStore {
  insert(transaction: Transaction, account: number, submission: NewSubmission): number;
  /** Takes it back; false once any of it may have gone. */
  cancel(transaction: Transaction, submission: SubmissionRow): boolean;
  /** The record goes; what is on its way goes on its way. */
  remove(transaction: Transaction, submission: SubmissionRow): boolean;
  get(account: number, id: number): SubmissionRow | undefined;
  /** The newest first. */
  list(account: number): SubmissionRow[];
  /** Of one email, the newest first. */
  ofEmail(account: number, email: number): SubmissionRow[];
  recipientsOf(id: number): Recipient[];
  changedSince(account: number, since: number, limit: number): ChangedRow[];
  /** Recipients that an account has written to after a time, in Unix ms, whatever became of the submissions. */
  recipientsSince(account: number, time: number): number;
  /** Those of before the day that counts. */
  forgetOldCounts(before: number): Promise<void>;
}

export function createSubmissionStore(database: Database, changes: Changes): SubmissionStore {
  const columns = `id, account, identity, email, thread, hash, size, mail_from AS mailFrom, send_at AS sendAt, undo, dsns,
    created_seq AS createdSeq, changed_seq AS changedSeq`;
  const insertRow = database.prepare(
    `INSERT INTO submissions (account, identity, email, thread, hash, size, mail_from, send_at, undo, created_seq, changed_seq)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pending', ?9, ?9)`,
  );
  const insertRecipient = database.prepare(
    `INSERT INTO recipients (submission, position, address, parameters, state, due_at, reply)
     VALUES (?, ?, ?, ?, 'queued', ?, '')`,
  );
  const select = database.prepare<SubmissionRow>(
    `SELECT ${columns} FROM submissions WHERE id = ? AND account = ?`,
  );
  const selectAll = database.prepare<SubmissionRow>(
    `SELECT ${columns} FROM submissions WHERE account = ? ORDER BY id DESC`,
  );
  const selectOfEmail = database.prepare<SubmissionRow>(
    `SELECT ${columns} FROM submissions WHERE email = ? AND account = ? ORDER BY id DESC`,
  );
  const selectRecipients = database.prepare<Recipient>(
    "SELECT address, parameters, state, reply FROM recipients WHERE submission = ? ORDER BY position",
  );
  const selectChanged = database.prepare<ChangedRow>(
    `SELECT id, created_seq AS createdSeq, changed_seq AS changedSeq FROM submissions
     WHERE account = ? AND changed_seq > ? ORDER BY changed_seq, id LIMIT ?`,
  );
  const hasBegun = database.prepare(
    "SELECT 1 FROM recipients WHERE submission = ? AND state NOT IN ('queued', 'canceled')",
  );
  const isOpen = database.prepare(
    "SELECT 1 FROM recipients WHERE submission = ? AND state IN ('queued', 'sending')",
  );
  const cancelRecipients = database.prepare(
    "UPDATE recipients SET state = 'canceled' WHERE submission = ? AND state = 'queued'",
  );
  const cancelRow = database.prepare(
    "UPDATE submissions SET undo = 'canceled', hash = NULL, changed_seq = ? WHERE id = ?",
  );
  const removeRecipients = database.prepare("DELETE FROM recipients WHERE submission = ?");
  const removeRow = database.prepare("DELETE FROM submissions WHERE id = ?");
  const forgetWritten = database.prepare("DELETE FROM written WHERE submission = ?");
  const noteWritten = database.prepare("INSERT INTO written VALUES (?, ?, ?, ?)");
  const forgetCounts = database.prepare("DELETE FROM written WHERE written_at < ?");
  const count = database.prepare<{ n: number }>(
    "SELECT coalesce(sum(recipients), 0) AS n FROM written WHERE account = ? AND written_at > ?",
  );

  return {
    insert(transaction, account, submission) {
      const seq = changes.next(transaction, account, "EmailSubmission");
      const { identity, email, thread, hash, size, mailFrom, recipients, sendAt } = submission;
      const id = insertRow.run(
        account,
        identity,
        email,
        thread,
        hash,
        size,
        mailFrom,
        sendAt,
        seq,
      ).lastInsertRowid;
      for (const [position, { address, parameters }] of recipients.entries())
        insertRecipient.run(id, position, address, parameters, sendAt);
      noteWritten.run(id, account, sendAt, recipients.length);
      return id;
    },
    cancel(transaction, { id, account, undo }) {
      // After a crash what was on its way is queued again, and may have arrived all the same.
      if (undo !== "pending" || hasBegun.get(id)) return false;
      forgetWritten.run(id);
      cancelRecipients.run(id);
      cancelRow.run(changes.next(transaction, account, "EmailSubmission"), id);
      return true;
    },
    remove(transaction, { id, account, createdSeq }) {
      if (isOpen.get(id)) return false;
      changes.next(transaction, account, "EmailSubmission");
      removeRecipients.run(id);
      removeRow.run(id);
      changes.destroyed(account, "EmailSubmission", id, createdSeq);
      return true;
    },
    get: (account, id) => select.get(id, account),
    list: (account) => selectAll.all(account),
    ofEmail: (account, email) => selectOfEmail.all(email, account),
    recipientsOf: (id) => selectRecipients.all(id),
    changedSince: (account, since, limit) => selectChanged.all(account, since, limit),
    async forgetOldCounts(before) {
      await database.write(() => void forgetCounts.run(before));
    },
    recipientsSince: (account, time) => count.get(account, time)?.n ?? 0,
  };
}
