import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Database, type Migration, openDatabase } from "./database.ts";
import { chooseDriver } from "./open-driver.ts";

/** The data folder's databases: one file an area. */
export interface Databases {
  /** Opens `databases/<name>.db` and brings its schema up to date. Throws MigrationError. */
  open(name: string, migrations: readonly Migration[]): Database;
  /** Closes those that were opened, after their queued writes. */
  close(): Promise<void>;
}

export function databaseFolder(dataDir: string): string {
  return join(dataDir, "databases");
}

export function openDatabases(dataDir: string): Databases {
  const folder = databaseFolder(dataDir);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const driver = chooseDriver();
  const opened: Database[] = [];
  return {
    open(name, migrations) {
      const database = openDatabase({ name, file: join(folder, `${name}.db`), migrations, open: driver });
      opened.push(database);
      return database;
    },
    async close() {
      await Promise.all(opened.map((database) => database.close()));
    },
  };
}
