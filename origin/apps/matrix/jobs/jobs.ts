import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Json, JsonObject } from "../events/event.ts";

/** The owner's long work: noted first, then done in small writes, each with the mark of how far it is. */
export interface Jobs {
  add(transaction: Transaction, job: { kind: string; arguments: JsonObject; by: string }): Job;
  get(id: number): Job | undefined;
  /** Newest first, those before `before`. */
  list(before: number, limit: number): Job[];
  /** The oldest that is not ended. */
  next(): Job | undefined;
  /** Notes how far it is; only inside the write that did it. */
  advance(transaction: Transaction, job: Job, step: JobStep): void;
  fail(transaction: Transaction, job: Job, error: string): void;
  /** False: it has ended already, or there is none. What it has done stays done. */
  cancel(transaction: Transaction, id: number): boolean;
  /** Drops what ended a month ago. */
  expire(): Promise<void>;
  /** Called after a commit that added one. */
  onAdded(listener: () => void): void;
}

export interface Job {
  readonly id: number;
  readonly kind: string;
  readonly arguments: JsonObject;
  readonly state: "waiting" | "running" | "done" | "failed" | "cancelled";
  /** Where to go on: the kind's own. Null: at the beginning. */
  readonly cursor: Json;
  readonly done: number;
  /** Null: not known yet. */
  readonly total: number | null;
  readonly error: string | null;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly endedAt: number | null;
}

export interface JobStep {
  /** Null: it is done. */
  readonly next: Json;
  /** Of what is counted in `total`, how many this step did. */
  readonly did: number;
  readonly total?: number;
}

type Row = Omit<Job, "arguments" | "cursor"> & { arguments: string; cursor: string | null };

const month = 30 * 24 * 60 * 60 * 1000;

export function createJobs(database: Database, now: () => number): Jobs {
  const columns = `id, kind, arguments, state, cursor, done, total, error, created_by AS createdBy,
    created_at AS createdAt, ended_at AS endedAt`;
  const insert = database.prepare<Row>(
    `INSERT INTO jobs (kind, arguments, state, done, created_by, created_at) VALUES (?, ?, 'waiting', 0, ?, ?)
     RETURNING ${columns}`,
  );
  const select = database.prepare<Row>(`SELECT ${columns} FROM jobs WHERE id = ?`);
  const selectList = database.prepare<Row>(
    `SELECT ${columns} FROM jobs WHERE id < ? ORDER BY id DESC LIMIT ?`,
  );
  const selectNext = database.prepare<Row>(
    `SELECT ${columns} FROM jobs WHERE ended_at IS NULL ORDER BY id LIMIT 1`,
  );
  const advance = database.prepare(
    `UPDATE jobs SET state = 'running', cursor = ?, done = done + ?, total = coalesce(?, total)
     WHERE id = ? AND ended_at IS NULL`,
  );
  const end = database.prepare(
    "UPDATE jobs SET state = ?, error = ?, ended_at = ? WHERE id = ? AND ended_at IS NULL",
  );
  const expire = database.prepare("DELETE FROM jobs WHERE ended_at < ?");
  const listeners: (() => void)[] = [];

  return {
    add(transaction, { kind, arguments: given, by }) {
      const [row] = insert.all(kind, JSON.stringify(given), by, now());
      if (!row) throw new Error("A job was not noted.");
      transaction.afterCommit(() => {
        for (const listener of listeners) listener();
      });
      return toJob(row);
    },
    get(id) {
      const row = select.get(id);
      return row && toJob(row);
    },
    list: (before, limit) => selectList.all(before, limit).map(toJob),
    next() {
      const row = selectNext.get();
      return row && toJob(row);
    },
    advance(_transaction, { id }, { next, did, total }) {
      advance.run(next === null ? null : JSON.stringify(next), did, total ?? null, id);
      if (next === null) end.run("done", null, now(), id);
    },
    fail: (_transaction, { id }, error) => void end.run("failed", error, now(), id),
    cancel: (_transaction, id) => end.run("cancelled", null, now(), id).changes > 0,
    expire: () => database.write(() => void expire.run(now() - month)),
    onAdded: (listener) => void listeners.push(listener),
  };
}

const toJob = (row: Row): Job => ({
  ...row,
  arguments: JSON.parse(row.arguments) as JsonObject,
  cursor: row.cursor === null ? null : (JSON.parse(row.cursor) as Json),
});
