import type { Driver, OpenDriver, Statement } from "./driver.ts";
import { createWriter, type Transaction, type WriteOptions, type Writer } from "./writer.ts";

/** One numbered step of a database's schema. Its number is its place in the list, from 1. */
export interface Migration {
  name: string;
  sql: string;
}

export interface Database {
  /** The area's name: `members`, `matrix` …; the file is `<name>.db`. */
  readonly name: string;
  readonly driver: string;
  /** Prepares a statement, once for each text. Outside `write` only for reading. */
  prepare<Row = unknown>(sql: string): Statement<Row>;
  /** The same, and keeps nothing: for texts that are put together of what is asked for. */
  prepareOnce<Row = unknown>(sql: string): Statement<Row>;
  /**
   * Queues a write. All writes of one tick share one transaction and one fsync, each in a savepoint of its own:
   * the promise settles only after the commit is on disk, and rejects with what `work` threw, having changed
   * nothing. `work` must be synchronous.
   */
  write<T>(work: (transaction: Transaction) => T, options?: WriteOptions): Promise<T>;
  /** Called inside each transaction, just before it commits. */
  beforeCommit(hook: () => void): void;
  /** Waits for what is queued, then closes. Later writes are refused. */
  close(): Promise<void>;
}

export class MigrationError extends Error {
  override name = "MigrationError";
}

/** The file is no database any more, or not a whole one. */
export class DamagedDatabaseError extends Error {
  override name = "DamagedDatabaseError";
}

/** Opens `<file>`, sets the durability that the project promises, and brings the schema up to date. */
export function openDatabase(options: {
  name: string;
  file: string;
  migrations: readonly Migration[];
  open: OpenDriver;
}): Database {
  const driver = options.open(options.file);
  try {
    setUp(driver);
    migrate(driver, options.name, options.migrations);
  } catch (error) {
    driver.close();
    if (!isDamage(error)) throw error;
    throw new DamagedDatabaseError(
      `The database ${options.file} is damaged (${(error as Error).message}). Stop Burrow and restore a backup: burrow backup restore ARCHIVE --identity FILE`,
      { cause: error },
    );
  }
  const statements = new Map<string, Statement>();
  const writer: Writer = createWriter(driver);
  return {
    name: options.name,
    driver: driver.name,
    prepare<Row>(sql: string): Statement<Row> {
      let statement = statements.get(sql);
      if (!statement) statements.set(sql, (statement = driver.prepare(sql)));
      return statement as Statement<Row>;
    },
    prepareOnce: <Row>(sql: string) => driver.prepare<Row>(sql),
    write: (work, how) => writer.write(work, how),
    beforeCommit: (hook) => writer.beforeCommit(hook),
    async close() {
      await writer.close();
      statements.clear();
      driver.close();
    },
  };
}

/** SQLITE_CORRUPT and SQLITE_NOTADB, as the two drivers tell them: by name, or by number (the low byte of it). */
function isDamage(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  return (
    /^SQLITE_(?:CORRUPT|NOTADB)/.test(String(code)) ||
    (typeof errcode === "number" && [11, 26].includes(errcode & 0xff))
  );
}

function setUp(driver: Driver): void {
  // The command line opens the same files beside the daemon: wait for its short writes instead of failing.
  driver.exec("PRAGMA busy_timeout = 5000");
  driver.exec("PRAGMA journal_mode = WAL");
  // better-sqlite3 is compiled with NORMAL for WAL, node:sqlite with FULL: nothing acknowledged may be lost.
  driver.exec("PRAGMA synchronous = FULL");
  // A savepoint's sub-journal goes to a temporary file otherwise: 26 instead of 12 µs a write.
  driver.exec("PRAGMA temp_store = MEMORY");
  driver.exec("PRAGMA foreign_keys = ON");
  driver.exec("PRAGMA cache_size = -8000");
}

function migrate(driver: Driver, name: string, migrations: readonly Migration[]): void {
  const version = driver.prepare<{ user_version: number }>("PRAGMA user_version");
  const current = version.get()?.user_version ?? 0;
  if (current > migrations.length) {
    throw new MigrationError(
      `The database ${name}.db was written by a newer Burrow (schema ${current}, this one knows ${migrations.length}). Install the newer version again.`,
    );
  }
  for (const [index, migration] of migrations.entries()) {
    if (index < current) continue;
    driver.exec("BEGIN IMMEDIATE");
    try {
      // Another process may have migrated while this one waited for the lock.
      if ((version.get()?.user_version ?? 0) <= index) {
        driver.exec(migration.sql);
        driver.exec(`PRAGMA user_version = ${index + 1}`);
      }
      driver.exec("COMMIT");
    } catch (error) {
      if (driver.inTransaction) driver.exec("ROLLBACK");
      if (isDamage(error)) throw error;
      throw new MigrationError(
        `Migration ${index + 1} (${migration.name}) of ${name}.db failed: ${String(error)}`,
      );
    }
  }
}
