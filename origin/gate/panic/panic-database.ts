import { join } from "node:path";
import { DamagedDatabaseError, type Database, type Migration, openDatabase } from "../../storage/database.ts";
import { chooseDriver } from "../../storage/open-driver.ts";

/** One row: the latch. Versions before and after an update read the same one, so it is not to change. */
const migrations: readonly Migration[] = [
  {
    name: "the latch",
    sql: `
      CREATE TABLE latch (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        level TEXT NOT NULL CHECK (level IN ('none', 'logins', 'soft', 'hard')),
        -- Unix milliseconds.
        since INTEGER NOT NULL
      ) STRICT;
      INSERT INTO latch VALUES (1, 'none', 0);
    `,
  },
];

/**
 * Opens `panic.db`. It lies beside the folder of the databases and not in it: a backup takes all that is in there, and a
 * restore replaces it whole, which would let go of the latch. Throws DamagedDatabaseError: what cannot be read does not
 * count as open.
 */
export function openPanicDatabase(dataDir: string): Database {
  const file = join(dataDir, "panic.db");
  try {
    return openDatabase({ name: "panic", file, migrations, open: chooseDriver() });
  } catch (error) {
    if (!(error instanceof DamagedDatabaseError)) throw error;
    throw new DamagedDatabaseError(
      `The panic latch ${file} is damaged, so whether a panic is in force is not known. If none is, remove ${file} with its -wal and -shm, and start again.`,
      { cause: error },
    );
  }
}
