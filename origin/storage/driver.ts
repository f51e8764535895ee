/**
 * The port behind which a SQLite library stands. Two drivers fill it (better-sqlite3, and node:sqlite where
 * the former has no build, such as bare Termux) and one contract test holds both.
 * Everything is synchronous: SQLite is in this process, and a single thread makes transactions plain to read.
 */

export type SqlValue = string | number | bigint | Uint8Array | null;

export interface RunResult {
  changes: number;
  lastInsertRowid: number;
}

/**
 * A prepared statement. `Row` is the shape of one row, columns by name; the caller vouches for it. Parameters are
 * `?` in order, or numbered `?1`, not both in one statement.
 */
export interface Statement<Row = unknown> {
  run(...parameters: SqlValue[]): RunResult;
  get(...parameters: SqlValue[]): Row | undefined;
  all(...parameters: SqlValue[]): Row[];
  iterate(...parameters: SqlValue[]): IterableIterator<Row>;
}

export interface Driver {
  /** `better-sqlite3` or `node:sqlite`, for diagnostics. */
  readonly name: string;
  /** False once SQLite itself has rolled the transaction back (disk full, for one). */
  readonly inTransaction: boolean;
  prepare<Row = unknown>(sql: string): Statement<Row>;
  exec(sql: string): void;
  /**
   * Writes a consistent copy of the whole database to a new file, some pages at a time. Inside a read transaction of
   * this connection the copy is of that moment, whatever others write meanwhile.
   */
  backup(file: string): Promise<void>;
  close(): void;
}

/** Opens a database file, creating it where absent. Throws the library's own error when it cannot. */
export type OpenDriver = (file: string) => Driver;
