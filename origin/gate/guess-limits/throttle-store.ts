import type { Spent } from "../../../shared/guess-budget.ts";
import type { Database } from "../../storage/database.ts";

/** The budgets on disk, `databases/throttle.db`: what a restart must not forget, and what the command line shows. */
export interface ThrottleStore {
  load(): [key: string, spent: Spent][];
  /** Inside a write. */
  put(key: string, spent: Spent): void;
  remove(key: string): void;
  /** Inside a write: those that were last changed before. */
  forget(before: number): void;
  /** Forgets what the owner names, here and in a running daemon, which hears of it within a second. */
  askToClear(what: string, keys: readonly string[]): Promise<void>;
  /** What was asked for since, by another process; to be called with `done` once memory has forgotten it. */
  clearings(): { seq: number; what: string }[];
  done(seq: number): void;
  /** Whether another connection has committed since the last call. */
  changedElsewhere(): boolean;
}

export function openThrottleStore(database: Database): ThrottleStore {
  const selectAll = database.prepare<{ key: string } & Spent>(
    "SELECT key, failures, at FROM budget ORDER BY at",
  );
  const upsert = database.prepare(
    "INSERT INTO budget (key, failures, at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET failures = excluded.failures, at = excluded.at",
  );
  const deleteOne = database.prepare("DELETE FROM budget WHERE key = ?");
  const deleteOld = database.prepare("DELETE FROM budget WHERE at < ?");
  const insertClearing = database.prepare("INSERT INTO clearing (what) VALUES (?)");
  const selectClearings = database.prepare<{ seq: number; what: string }>(
    "SELECT seq, what FROM clearing ORDER BY seq LIMIT 100",
  );
  const deleteClearing = database.prepare("DELETE FROM clearing WHERE seq <= ?");
  // Differs from call to call exactly when another connection has committed in between.
  const dataVersion = database.prepare<{ data_version: number }>("PRAGMA data_version");
  let version: number | undefined;

  return {
    load: () => selectAll.all().map(({ key, failures, at }) => [key, { failures, at }]),
    put: (key, { failures, at }) => void upsert.run(key, failures, at),
    remove: (key) => void deleteOne.run(key),
    forget: (before) => void deleteOld.run(before),
    askToClear: (what, keys) =>
      database.write(() => {
        for (const key of keys) deleteOne.run(key);
        insertClearing.run(what);
      }),
    clearings: () => selectClearings.all(),
    done: (seq) => void deleteClearing.run(seq),
    changedElsewhere() {
      const current = dataVersion.get()?.data_version;
      if (current === version) return false;
      version = current;
      return true;
    },
  };
}
