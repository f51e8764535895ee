import BetterSqlite3 from "better-sqlite3";
import type { Driver, OpenDriver, RunResult, SqlValue, Statement } from "./driver.ts";

/** The usual driver: better-sqlite3's prebuilt binary for glibc and musl. */
export const openBetterSqlite3: OpenDriver = (file): Driver => {
  const database = new BetterSqlite3(file);
  return {
    name: "better-sqlite3",
    get inTransaction() {
      return database.inTransaction;
    },
    prepare<Row>(sql: string): Statement<Row> {
      const stable = keepPlan(sql);
      if (numbered.test(sql)) return withNumbers(database.prepare<[NumberedParameters], Row>(stable));
      const statement = database.prepare<SqlValue[], Row>(stable);
      return {
        run: (...parameters) => statement.run(...parameters) as RunResult,
        get: (...parameters) => statement.get(...parameters),
        all: (...parameters) => statement.all(...parameters),
        iterate: (...parameters) => statement.iterate(...parameters),
      };
    },
    exec: (sql) => void database.exec(sql),
    backup: async (copy) => void (await database.backup(copy, { progress: () => pagesAtATime })),
    close: () => void database.close(),
  };
};

/**
 * This library's SQLite is built with STAT4. There a statement is prepared anew at every run, in case the new values
 * ask for another plan, where it limits by a parameter, or sorts or groups and compares a column with one for
 * equality: 12 instead of 3 µs for a look into an index. Behind a unary plus it is no bare parameter any more, and
 * the plan stays.
 */
const keepPlan = (sql: string): string => sql.replaceAll(/(= |LIMIT )(?=\?)/g, "$1+");

/** 1 MiB: some milliseconds between two turns of the event loop. */
const pagesAtATime = 256;

/** `?1`: this library takes those as named, and wants an object. */
const numbered = /\?\d/;
type NumberedParameters = Record<string, SqlValue>;

function withNumbers<Row>(statement: BetterSqlite3.Statement<[NumberedParameters], Row>): Statement<Row> {
  const byNumber = (parameters: readonly SqlValue[]): NumberedParameters =>
    Object.fromEntries(parameters.map((value, index) => [index + 1, value]));
  return {
    run: (...parameters) => statement.run(byNumber(parameters)) as RunResult,
    get: (...parameters) => statement.get(byNumber(parameters)),
    all: (...parameters) => statement.all(byNumber(parameters)),
    iterate: (...parameters) => statement.iterate(byNumber(parameters)),
  };
}
