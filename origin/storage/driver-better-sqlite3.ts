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
      const statement = database.prepare<SqlValue[], Row>(sql);
      return {
        run: (...parameters) => statement.run(...parameters) as RunResult,
        get: (...parameters) => statement.get(...parameters),
        all: (...parameters) => statement.all(...parameters),
        iterate: (...parameters) => statement.iterate(...parameters),
      };
    },
    exec: (sql) => void database.exec(sql),
    close: () => void database.close(),
  };
};
