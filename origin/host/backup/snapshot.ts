import { stat } from "node:fs/promises";
import { chooseDriver } from "../../storage/open-driver.ts";
import { BackupError } from "./backup-error.ts";

export interface Snapshot {
  readonly bytes: number;
  /** `PRAGMA user_version`. */
  readonly schema: number;
}

/** SQLite's own default, in KiB: a page that is read once is not worth the 16 MB that a driver may keep of them. */
export const cacheSize = -2000;

/**
 * Copies a database, that others may be writing to, as it is at this moment, and checks that the copy is whole. By a
 * connection of its own whose read transaction holds the moment. Throws BackupError for a damaged database.
 */
export async function snapshotDatabase(name: string, file: string, copy: string): Promise<Snapshot> {
  const open = chooseDriver();
  const source = open(file);
  try {
    source.exec("PRAGMA busy_timeout = 5000");
    source.exec(`PRAGMA cache_size = ${cacheSize}`);
    source.exec("BEGIN");
    source.prepare("SELECT count(*) FROM sqlite_schema").get();
    await source.backup(copy);
    source.exec("COMMIT");
  } finally {
    source.close();
  }
  const driver = open(copy);
  try {
    driver.exec(`PRAGMA cache_size = ${cacheSize}`);
    // One file from here on: the source's write-ahead mode would bring its own files beside it.
    driver.exec("PRAGMA journal_mode = DELETE");
    const found = driver.prepare<{ quick_check: string }>("PRAGMA quick_check(1)").get()?.quick_check;
    if (found !== "ok") {
      throw new BackupError(
        "damaged",
        `The database ${name} is damaged (${found}): no backup was made of it. Restore the last good one.`,
      );
    }
    const schema = driver.prepare<{ user_version: number }>("PRAGMA user_version").get()?.user_version ?? 0;
    return { bytes: (await stat(copy)).size, schema };
  } finally {
    driver.close();
  }
}
