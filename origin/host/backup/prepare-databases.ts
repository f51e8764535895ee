import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Migration, openDatabase } from "../../storage/database.ts";
import { databaseFolder } from "../../storage/databases.ts";
import { chooseDriver } from "../../storage/open-driver.ts";
import { BackupError } from "./backup-error.ts";
import { cacheSize } from "./snapshot.ts";

/** What is done to one restored database before it is used. */
export interface DatabaseStep {
  readonly name: string;
  readonly migrations: readonly Migration[];
  /** SQL: ends what must not come back to life, marks the break. Empty: nothing. */
  readonly afterRestore: string;
}

export interface PrepareJob {
  /** A data folder that nobody uses yet. */
  readonly folder: string;
  /** The signed schema versions by name. */
  readonly schemas: Readonly<Record<string, number>>;
  readonly databases: readonly DatabaseStep[];
}

/** Each database whole, of the signed schema, migrated to today's, and brought over the break. Throws BackupError. */
export async function prepareDatabases({
  folder,
  schemas,
  databases,
}: PrepareJob): Promise<{ checked: number }> {
  let checked = 0;
  for (const [name, schema] of Object.entries(schemas)) {
    const file = join(databaseFolder(folder), `${name}.db`);
    if (!existsSync(file)) throw damaged(name, "it is not in the archive");
    const driver = chooseDriver()(file);
    try {
      driver.exec(`PRAGMA cache_size = ${cacheSize}`);
      const found = driver.prepare<{ integrity_check: string }>("PRAGMA integrity_check(1)").get();
      if (found?.integrity_check !== "ok") throw damaged(name, found?.integrity_check ?? "unreadable");
      const version = driver.prepare<{ user_version: number }>("PRAGMA user_version").get()?.user_version;
      if (version !== schema) throw damaged(name, `its schema is ${version} and not ${schema}`);
    } finally {
      driver.close();
    }
    const step = databases.find((database) => database.name === name);
    if (step) await bringOver(file, step);
    checked += 1;
  }
  return { checked };
}

async function bringOver(file: string, { name, migrations, afterRestore }: DatabaseStep): Promise<void> {
  const open = chooseDriver();
  await openDatabase({ name, file, migrations, open }).close();
  const driver = open(file);
  try {
    driver.exec("PRAGMA synchronous = FULL");
    driver.exec("BEGIN IMMEDIATE");
    driver.exec(afterRestore);
    driver.exec("COMMIT");
  } finally {
    driver.close();
  }
}

function damaged(name: string, what: string): BackupError {
  return new BackupError(
    "damaged",
    `The database ${name} in the backup is damaged: ${what}. Use another backup.`,
  );
}
