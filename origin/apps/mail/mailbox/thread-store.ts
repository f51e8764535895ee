import { createHash } from "node:crypto";
import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Changes } from "./changes.ts";

/** By what a message finds its thread. */
export interface ThreadClues {
  /** Of Message-Id, In-Reply-To and References. */
  readonly messageIds: readonly string[];
  readonly baseSubject: string;
}

export interface ThreadRow {
  readonly id: number;
  readonly createdSeq: number;
  readonly changedSeq: number;
}

export interface ThreadStore {
  /**
   * Inside a write: the thread of a message that comes. Two messages are in one thread when one of them names a message
   * id that the other has or names, under the same subject (RFC 8621 §3, the suggested algorithm).
   */
  find(transaction: Transaction, account: number, clues: ThreadClues): number;
  /** Inside a write: one of its emails came, went or moved. */
  touch(transaction: Transaction, account: number, thread: number): void;
  get(account: number, thread: number): ThreadRow | undefined;
  /** Its emails, the oldest first. */
  emailsOf(thread: number): number[];
  changedSince(account: number, since: number, limit: number): ThreadRow[];
}

/** A message that names more has been through a list that never forgets: the oldest and the newest are enough. */
const mostIds = 100;

export function createThreadStore(database: Database, changes: Changes): ThreadStore {
  const findLink = database.prepare<{ thread: number }>(
    "SELECT thread FROM thread_links WHERE account = ? AND key = ?",
  );
  const addLink = database.prepare(
    "INSERT INTO thread_links (account, key, thread) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const insert = database.prepare(
    "INSERT INTO threads (account, created_seq, changed_seq) VALUES (?1, ?2, ?2)",
  );
  const update = database.prepare("UPDATE threads SET changed_seq = ? WHERE id = ?");
  const columns = "id, created_seq AS createdSeq, changed_seq AS changedSeq";
  const select = database.prepare<ThreadRow>(`SELECT ${columns} FROM threads WHERE id = ? AND account = ?`);
  const selectEmails = database.prepare<{ id: number }>(
    "SELECT id FROM emails WHERE thread = ? ORDER BY received_at, id",
  );
  const selectChanged = database.prepare<ThreadRow>(
    `SELECT ${columns} FROM threads WHERE account = ? AND changed_seq > ? ORDER BY changed_seq, id LIMIT ?`,
  );
  const remove = database.prepare("DELETE FROM threads WHERE id = ?");

  return {
    find(transaction, account, { messageIds, baseSubject }) {
      const named =
        messageIds.length > mostIds ? [messageIds[0] ?? "", ...messageIds.slice(1 - mostIds)] : messageIds;
      const keys = named.map((id) => digest(id, baseSubject));
      let thread: number | undefined;
      for (const key of keys) thread ??= findLink.get(account, key)?.thread;
      thread ??= insert.run(account, changes.next(transaction, account, "Thread")).lastInsertRowid;
      for (const key of keys) addLink.run(account, key, thread);
      return thread;
    },
    touch(transaction, account, thread) {
      const seq = changes.next(transaction, account, "Thread");
      const row = select.get(thread, account);
      if (!row) return;
      if (selectEmails.get(thread)) {
        update.run(seq, thread);
        return;
      }
      remove.run(thread);
      changes.destroyed(account, "Thread", thread, row.createdSeq);
    },
    get: (account, thread) => select.get(thread, account),
    emailsOf: (thread) => selectEmails.all(thread).map(({ id }) => id),
    changedSince: (account, since, limit) => selectChanged.all(account, since, limit),
  };
}

function digest(messageId: string, baseSubject: string): Uint8Array {
  return createHash("sha256").update(`${messageId}\n${baseSubject}`).digest().subarray(0, 16);
}
