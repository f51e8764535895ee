import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Driver } from "../storage/driver.ts";
import { diskFaultOf } from "../storage/disk-fault.ts";
import { chooseDriver } from "../storage/open-driver.ts";

/** Another process works on the data folder. */
export class DataLockError extends Error {
  override name = "DataLockError";
}

/** What a running daemon tells the command line beside it. */
export interface Running {
  readonly pid: number;
  /** Where it listens: `127.0.0.1:8090` or `unix:/path`. */
  readonly listen: string;
  readonly publicUrl: string;
  /** Of the code that runs: an update is done when this one changes. */
  readonly version: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
}

export interface DataLock {
  announce(running: Running): void;
  release(): void;
}

/**
 * Takes the data folder for this process, until `release` or the process's end, however it comes: the lock is
 * SQLite's own on an empty database, which the kernel drops with the process, so that a kill leaves nothing
 * behind to heal and a reused process id fools nobody. Throws DataLockError when another holds it.
 */
export function lockDataFolder(dataDir: string): DataLock {
  const driver = chooseDriver()(lockFile(dataDir));
  try {
    // The command line looks at the lock for a moment (findRunning): that must not pass for another daemon.
    driver.exec("PRAGMA busy_timeout = 300");
    driver.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    driver.close();
    if (diskFaultOf(error)) throw error;
    const running = readRunning(dataDir);
    throw new DataLockError(
      `Another Burrow${running ? ` (process ${running.pid})` : ""} works on ${dataDir}. Stop it first, or choose another folder with --data.`,
      { cause: error },
    );
  }
  return {
    announce(running) {
      const path = runningFile(dataDir);
      writeFileSync(`${path}.new`, `${JSON.stringify(running)}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
    release() {
      rmSync(runningFile(dataDir), { force: true });
      driver.exec("ROLLBACK");
      driver.close();
    },
  };
}

/** The daemon that works on the folder now; undefined when there is none, or it has not finished starting. */
export function findRunning(dataDir: string): Running | undefined {
  return isLocked(dataDir) ? readRunning(dataDir) : undefined;
}

function isLocked(dataDir: string): boolean {
  let driver: Driver | undefined;
  try {
    driver = chooseDriver()(lockFile(dataDir));
    driver.exec("PRAGMA busy_timeout = 0");
    // Reading needs a shared lock, which only an exclusive one refuses: two who look do not disturb each other.
    driver.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch {
    return true;
  } finally {
    driver?.close();
  }
}

function readRunning(dataDir: string): Running | undefined {
  try {
    return JSON.parse(readFileSync(runningFile(dataDir), "utf8")) as Running;
  } catch {
    return undefined;
  }
}

function lockFile(dataDir: string): string {
  return join(dataDir, "lock.db");
}

function runningFile(dataDir: string): string {
  return join(dataDir, "running.json");
}
