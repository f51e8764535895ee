import type { Database } from "../storage/database.ts";
import type { Transaction } from "../storage/writer.ts";
import type { MemberChange } from "./members.ts";

/** A change as it is noted; only the end of a web session has one to name. */
type NewChange = Omit<MemberChange, "seq" | "webSessionId"> & { readonly webSessionId?: number };

export interface Changes {
  /** Inside a write: notes the change in the same transaction as what it tells of. */
  readonly record: (transaction: Transaction, change: NewChange) => void;
  readonly since: (seq: number, limit: number) => MemberChange[];
  readonly onChange: (listener: () => void) => () => void;
  readonly close: () => void;
}

/** How soon a change by another process (the command line) is noticed, in ms. */
const pollInterval = 500;

export function createChanges(database: Database, now: () => number): Changes {
  const insert = database.prepare(
    "INSERT INTO changes (member_id, name, kind, device_id, web_session_id, at) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const select = database.prepare<MemberChange>(
    `SELECT seq, member_id AS memberId, name, kind, device_id AS deviceId, web_session_id AS webSessionId
     FROM changes WHERE seq > ?
     ORDER BY seq LIMIT ?`,
  );
  const newest = database.prepare<{ seq: number }>("SELECT coalesce(max(seq), 0) AS seq FROM changes");
  // Differs from call to call exactly when another connection has committed in between.
  const dataVersion = database.prepare<{ data_version: number }>("PRAGMA data_version");

  const listeners = new Set<() => void>();
  let announced = newest.get()?.seq ?? 0;
  let version = dataVersion.get()?.data_version;
  let timer: NodeJS.Timeout | undefined;

  function announce(): void {
    const seq = newest.get()?.seq ?? 0;
    if (seq <= announced) return;
    announced = seq;
    for (const listener of listeners) listener();
  }

  function poll(): void {
    const current = dataVersion.get()?.data_version;
    if (current === version) return;
    version = current;
    announce();
  }

  return {
    record(transaction, { memberId, name, kind, deviceId, webSessionId = null }) {
      insert.run(memberId, name, kind, deviceId, webSessionId, now());
      transaction.afterCommit(announce);
    },
    since: (seq, limit) => select.all(seq, limit),
    onChange(listener) {
      listeners.add(listener);
      timer ??= setInterval(poll, pollInterval).unref();
      return () => void listeners.delete(listener);
    },
    close() {
      clearInterval(timer);
      listeners.clear();
    },
  };
}
