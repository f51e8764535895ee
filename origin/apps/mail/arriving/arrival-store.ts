import type { Database } from "../../../storage/database.ts";
import type { StoredBlob } from "../../../storage/blobs.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Arrival } from "./arrival.ts";

/** What stands beside an object in the bucket. */
export type Envelope = Pick<Arrival, "mailFrom" | "recipient" | "receivedAt" | "results">;

/** One that waits to be delivered, or did so in vain. */
export interface KeptArrival extends Arrival {
  readonly attempts: number;
  /** Why it was not delivered the last time; empty before a try. */
  readonly error: string;
  /** When it was put into quarantine, in Unix ms; null outside of it. */
  readonly settledAt: number | null;
}

export interface ArrivalCounts {
  readonly landed: number;
  readonly quarantined: number;
  /** Unix ms, of the oldest one that waits. */
  readonly oldest: number | null;
}

/** The rows of arrivals. What is said to be inside a write is; the others write by themselves. */
export interface ArrivalStore {
  /** Inside a write: an object that was there before stays as it is. */
  land(transaction: Transaction, object: string, envelope: Envelope, blob: StoredBlob): void;
  /** Which of these objects have landed before. */
  known(objects: readonly string[]): ReadonlySet<string>;
  /** Those that wait and whose time has come, the longest overdue first. */
  due(now: number, limit: number): KeptArrival[];
  /** Inside a write: it is delivered, and its bytes are no longer needed here. */
  settle(transaction: Transaction, id: number): void;
  /** A try failed; the next one is at `dueAt`. */
  postpone(id: number, failed: { attempts: number; error: string; dueAt: number }): Promise<void>;
  quarantine(id: number, failed: { attempts: number; error: string }): Promise<void>;
  /** In quarantine: the newest first, from below an id. */
  quarantined(before: number, limit: number): KeptArrival[];
  inQuarantine(id: number): KeptArrival | undefined;
  /** Out of quarantine, to be tried as if it had just landed. False where it is not in there. */
  release(id: number): Promise<boolean>;
  /** Out of quarantine, for good. False where it is not in there. */
  discard(id: number): Promise<boolean>;
  /** Objects that may still be in the bucket, at most so many. */
  unremoved(limit: number): string[];
  noteRemoved(objects: readonly string[]): Promise<void>;
  /** Forgets what was delivered, and is known to be gone from the bucket, before a time. */
  forget(before: number): Promise<void>;
  counts(): ArrivalCounts;
}

export function createArrivalStore(database: Database, now: () => number): ArrivalStore {
  const insert = database.prepare(
    `INSERT INTO arrivals (object, hash, size, mail_from, recipient, received_at, results)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (object) DO NOTHING`,
  );
  const columns = `id, hash, size, mail_from AS mailFrom, recipient, received_at AS receivedAt, results, attempts, error,
    settled_at AS settledAt`;
  const selectKnown = database.prepare<{ object: string }>(
    "SELECT object FROM arrivals WHERE object IN (SELECT value FROM json_each(?))",
  );
  const selectDue = database.prepare<KeptArrival>(
    `SELECT ${columns} FROM arrivals WHERE state = 'landed' AND due_at <= ? ORDER BY due_at, id LIMIT ?`,
  );
  const markDelivered = database.prepare(
    `UPDATE arrivals SET state = 'delivered', hash = NULL, error = '', settled_at = ? WHERE id = ? AND state = 'landed'`,
  );
  const markPostponed = database.prepare(
    "UPDATE arrivals SET attempts = ?, error = ?, due_at = ? WHERE id = ? AND state = 'landed'",
  );
  const markQuarantined = database.prepare(
    `UPDATE arrivals SET state = 'quarantined', attempts = ?, error = ?, settled_at = ? WHERE id = ? AND state = 'landed'`,
  );
  const selectQuarantined = database.prepare<KeptArrival>(
    `SELECT ${columns} FROM arrivals WHERE state = 'quarantined' AND id < ? ORDER BY id DESC LIMIT ?`,
  );
  const selectOne = database.prepare<KeptArrival>(
    `SELECT ${columns} FROM arrivals WHERE state = 'quarantined' AND id = ?`,
  );
  const markLanded = database.prepare(
    `UPDATE arrivals SET state = 'landed', attempts = 0, due_at = 0, settled_at = NULL
     WHERE id = ? AND state = 'quarantined'`,
  );
  const markDiscarded = database.prepare(
    `UPDATE arrivals SET state = 'delivered', hash = NULL, settled_at = ? WHERE id = ? AND state = 'quarantined'`,
  );
  const selectUnremoved = database.prepare<{ object: string }>(
    "SELECT object FROM arrivals WHERE removed_at IS NULL ORDER BY id LIMIT ?",
  );
  const markRemoved = database.prepare(
    `UPDATE arrivals SET removed_at = ? WHERE removed_at IS NULL AND object IN (SELECT value FROM json_each(?))`,
  );
  const remove = database.prepare(
    "DELETE FROM arrivals WHERE state = 'delivered' AND settled_at < ?1 AND removed_at < ?1",
  );
  const selectLanded = database.prepare<{ n: number; oldest: number | null }>(
    "SELECT count(*) AS n, min(received_at) AS oldest FROM arrivals WHERE state = 'landed'",
  );
  const countQuarantined = database.prepare<{ n: number }>(
    "SELECT count(*) AS n FROM arrivals WHERE state = 'quarantined'",
  );

  return {
    land(_transaction, object, { mailFrom, recipient, receivedAt, results }, { hash, size }) {
      insert.run(object, hash, size, mailFrom, recipient, receivedAt, results);
    },
    known: (objects) => new Set(selectKnown.all(JSON.stringify(objects)).map(({ object }) => object)),
    due: (time, limit) => selectDue.all(time, limit),
    settle(_transaction, id) {
      if (markDelivered.run(now(), id).changes !== 1) throw new Error(`The arrival ${id} does not wait.`);
    },
    async postpone(id, { attempts, error, dueAt }) {
      await database.write(() => void markPostponed.run(attempts, error, dueAt, id));
    },
    async quarantine(id, { attempts, error }) {
      await database.write(() => void markQuarantined.run(attempts, error, now(), id));
    },
    quarantined: (before, limit) => selectQuarantined.all(before, limit),
    inQuarantine: (id) => selectOne.get(id),
    release: (id) => database.write(() => markLanded.run(id).changes === 1),
    discard: (id) => database.write(() => markDiscarded.run(now(), id).changes === 1),
    unremoved: (limit) => selectUnremoved.all(limit).map(({ object }) => object),
    async noteRemoved(objects) {
      if (objects.length === 0) return;
      await database.write(() => void markRemoved.run(now(), JSON.stringify(objects)));
    },
    async forget(before) {
      await database.write(() => void remove.run(before));
    },
    counts() {
      const { n = 0, oldest = null } = selectLanded.get() ?? {};
      return { landed: n, oldest, quarantined: countQuarantined.get()?.n ?? 0 };
    },
  };
}
