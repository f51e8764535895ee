import { mkdirSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { diskFaultOf } from "../../storage/disk-fault.ts";
import { chooseDriver } from "../../storage/open-driver.ts";
import { BackupError } from "./backup-error.ts";

/** The folder in the data folder for what a backup or a restore under way needs; for its owner alone. */
export function workFolder(dataDir: string): string {
  return join(dataDir, "backup-work");
}

/** Where a restore from a bucket collects what it needs. */
export const fetchedName = "fetched";

/** Removes what a killed run left; the caller holds the lock, and no restore waits to be finished. */
export async function clearWork(dataDir: string, except?: typeof fetchedName): Promise<void> {
  for (const name of await readdir(workFolder(dataDir))) {
    if (!name.startsWith("lock.db") && name !== except)
      await rm(join(workFolder(dataDir), name), { recursive: true, force: true });
  }
}

/**
 * One backup at a time, over processes. The kernel drops the lock with its process, however that ends: nothing is
 * left to heal, and a reused process id or a reboot fools nobody. Throws BackupError `busy`.
 */
export function lockWork(dataDir: string): { release(): void } {
  mkdirSync(workFolder(dataDir), { recursive: true, mode: 0o700 });
  const driver = chooseDriver()(join(workFolder(dataDir), "lock.db"));
  try {
    driver.exec("PRAGMA busy_timeout = 300");
    driver.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    driver.close();
    if (diskFaultOf(error)) throw error;
    throw new BackupError("busy", "Another backup is under way. Wait for it, or look at the log.", {
      cause: error,
    });
  }
  return {
    release() {
      driver.exec("ROLLBACK");
      driver.close();
    },
  };
}
