import { backup, DatabaseSync } from "node:sqlite";
import type { Driver, OpenDriver, Statement } from "./driver.ts";

/** The twin for machines without a better-sqlite3 build: Node's own SQLite. */
export const openNodeSqlite: OpenDriver = (file): Driver => {
  // Foreign keys and double-quoted strings are set here as better-sqlite3 compiles them in.
  const database = new DatabaseSync(file, { enableDoubleQuotedStringLiterals: false });
  return {
    name: "node:sqlite",
    get inTransaction() {
      return database.isTransaction;
    },
    prepare<Row>(sql: string): Statement<Row> {
      const statement = database.prepare(sql);
      return {
        run: (...parameters) => {
          const { changes, lastInsertRowid } = statement.run(...parameters);
          return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) };
        },
        get: (...parameters) => statement.get(...parameters) as Row | undefined,
        all: (...parameters) => statement.all(...parameters) as Row[],
        iterate: (...parameters) => statement.iterate(...parameters) as IterableIterator<Row>,
      };
    },
    exec: (sql) => database.exec(sql),
    backup: async (copy) => void (await backup(database, copy, { rate: 256 })),
    close: () => database.close(),
  };
};
