import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import { createEdgeBudgets } from "./edge-budgets.ts";
import type { EdgeAttempt, EdgeBudgets } from "./edge-budgets.ts";

// The free plan writes 100,000 rows a day, for everything; this object shall never be what uses them up.
const FLUSH_EVERY_MS = 10_000;
const ROWS_A_DAY = 5_000;
const DAY_MS = 86_400_000;
const MOST_LOADED = 10_000;

/**
 * The one place where the isolates of the edge count wrong tries together. It answers from memory; what it writes is for
 * its own next start, at most every ten seconds and only so many rows a day. The origin carries on where it is lost.
 */
export class Throttle extends DurableObject {
  readonly #budgets: EdgeBudgets;
  readonly #sql: SqlStorage;
  #flushing = false;
  #day = 0;
  #rows = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS budget (key TEXT PRIMARY KEY, failures REAL NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS device (hash TEXT PRIMARY KEY, seen_at INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS written (one INTEGER PRIMARY KEY CHECK (one = 1), day INTEGER NOT NULL, rows INTEGER NOT NULL);
    `);
    const written = this.#sql.exec<{ day: number; rows: number }>("SELECT day, rows FROM written").toArray();
    [this.#day, this.#rows] = [written[0]?.day ?? 0, written[0]?.rows ?? 0];
    this.#budgets = createEdgeBudgets({
      budgets: this.#sql
        .exec<{ key: string; failures: number; at: number }>(
          "SELECT key, failures, at FROM budget WHERE at > ? LIMIT ?",
          Date.now() - DAY_MS,
          MOST_LOADED,
        )
        .toArray()
        .map(({ key, failures, at }) => [key, { failures, at }] as const),
      devices: this.#sql
        .exec<{ hash: string; seen_at: number }>("SELECT hash, seen_at FROM device ORDER BY seen_at")
        .toArray()
        .map(({ hash, seen_at }) => [hash, seen_at] as const),
    });
  }

  /** In how many milliseconds the request may go on; 0 for now. */
  ask(attempt: EdgeAttempt, flooding: boolean): number {
    return this.#budgets.ask(attempt, flooding, Date.now());
  }

  /** What the origin made of it. */
  tell(attempt: EdgeAttempt, verdict: "ok" | "failed"): void {
    this.#budgets.tell(attempt, verdict, Date.now());
    if (this.#flushing) return;
    this.#flushing = true;
    setTimeout(() => this.#flush(), FLUSH_EVERY_MS);
  }

  #flush(): void {
    this.#flushing = false;
    const now = Date.now();
    const today = Math.floor(now / DAY_MS);
    if (today !== this.#day) [this.#day, this.#rows] = [today, 0];
    const { budgets, devices } = this.#budgets.takeChanges();
    const write = (query: string, ...values: SqlStorageValue[]): void => {
      if (this.#rows < ROWS_A_DAY) this.#rows += this.#sql.exec(query, ...values).rowsWritten;
    };
    const before = this.#rows;
    this.ctx.storage.transactionSync(() => {
      for (const [hash, seenAt] of devices)
        write("INSERT OR REPLACE INTO device VALUES (?, ?)", hash, seenAt);
      for (const [key, { failures, at }] of budgets)
        write("INSERT OR REPLACE INTO budget VALUES (?, ?, ?)", key, failures, at);
      write("DELETE FROM budget WHERE key IN (SELECT key FROM budget WHERE at < ? LIMIT 100)", now - DAY_MS);
      if (this.#rows === before) return;
      this.#rows += 1;
      this.#sql.exec("INSERT OR REPLACE INTO written VALUES (1, ?, ?)", this.#day, this.#rows);
    });
  }
}
