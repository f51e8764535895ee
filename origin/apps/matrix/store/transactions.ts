import type { Database } from "../../../storage/database.ts";
import { inSmallWrites } from "../../../storage/small-writes.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Call, Requester } from "../route.ts";

/**
 * Transaction ids (specification §Transaction identifiers): scoped to the user, the device and the endpoint with
 * its path, so they outlive a token refresh. A repeat gets the first answer, whatever its body says now.
 */
export interface Transactions {
  /** Runs `work` in one write with the note of its answer, or gives the noted answer. Concurrent repeats wait in line. */
  once<T extends object>(call: Call, endpoint: string, work: (transaction: Transaction) => T): Promise<T>;
  /**
   * To be called daily. Drops notes that are a day old by the clock, and were there a call ago: a clock set forward
   * ages nothing. The first call after a start can tell only those of a week ago.
   */
  expire(): Promise<void>;
  forgetDevice(userId: string, deviceId: string): void;
}

const day = 24 * 60 * 60 * 1000;
/** Dropped in one write: a bot makes thousands a day. */
const notesAWrite = 1000;

export function createTransactions(database: Database, now: () => number): Transactions {
  const find = database.prepare<{ answer: string }>(
    "SELECT answer FROM transactions WHERE user = ? AND device = ? AND endpoint = ? AND txn_id = ?",
  );
  const note = database.prepare(
    "INSERT INTO transactions (user, device, endpoint, txn_id, answer, created_at) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const expire = database.prepare(
    `DELETE FROM transactions WHERE (user, device, endpoint, txn_id) IN
       (SELECT user, device, endpoint, txn_id FROM transactions WHERE created_at < ? LIMIT ${notesAWrite})`,
  );
  const redate = database.prepare("UPDATE transactions SET created_at = ?1 WHERE created_at > ?1");
  let calledAt: number | undefined;
  const forget = database.prepare("DELETE FROM transactions WHERE user = ? AND device = ?");

  return {
    once<T extends object>(call: Call, endpoint: string, work: (transaction: Transaction) => T): Promise<T> {
      const { userId, deviceId }: Requester = call.requester;
      const txnId = call.params["txnId"] ?? "";
      // Looked up inside the write: of two at the same time the second sees the first's note.
      return database.write((transaction) => {
        const known = find.get(userId, deviceId, endpoint, txnId);
        if (known) return JSON.parse(known.answer) as T;
        const answer = work(transaction);
        note.run(userId, deviceId, endpoint, txnId, JSON.stringify(answer), now());
        return answer;
      });
    },
    async expire() {
      const at = now();
      const limit = calledAt === undefined ? at - 7 * day : Math.min(at - day, calledAt);
      calledAt = at;
      await inSmallWrites(database, () => expire.run(limit).changes === notesAWrite);
      // Noted by a clock that ran ahead: how old they are is not known, and they would stay for as long.
      await database.write(() => void redate.run(at));
    },
    forgetDevice: (userId, deviceId) => void forget.run(userId, deviceId),
  };
}
