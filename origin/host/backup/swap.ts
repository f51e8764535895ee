import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { writeNewFile } from "../../storage/new-file.ts";
import { lockDataFolder } from "../data-lock.ts";
import { workFolder } from "./work-lock.ts";

/** What a restore replaces. All else in the data folder stays. */
export interface Swap {
  /** Where the new data lie, in the work folder. */
  readonly staged: string;
  /** Where the old data go, in the data folder. */
  readonly kept: string;
  /** Files and folders, each of them staged. */
  readonly names: readonly string[];
}

function journalFile(dataDir: string): string {
  return join(workFolder(dataDir), "restore.json");
}

/** Whether a restore was decided and is not finished. */
export function swapUnderWay(dataDir: string): boolean {
  return existsSync(journalFile(dataDir));
}

/**
 * Decides the restore: from the moment the journal has its name, the staged data are the data, and whoever opens the
 * folder next moves what is left to move. Before it, nothing has changed.
 */
export function decideSwap(dataDir: string, swap: Swap): void {
  const path = journalFile(dataDir);
  rmSync(`${path}.new`, { force: true });
  writeNewFile(`${path}.new`, JSON.stringify(swap));
  mkdirSync(join(dataDir, swap.kept), { recursive: true, mode: 0o700 });
  renameSync(`${path}.new`, path);
  flush(workFolder(dataDir));
}

/**
 * Moves the old data aside and the staged ones into their place. What is still staged is what is still to be done, so
 * a kill between any two moves costs nothing. The caller holds the data folder's lock.
 */
export function finishSwap(dataDir: string, onStep?: (step: string) => void): void {
  const { staged, kept, names } = JSON.parse(readFileSync(journalFile(dataDir), "utf8")) as Swap;
  for (const name of names) {
    const live = join(dataDir, name);
    const fresh = join(workFolder(dataDir), staged, name);
    if (!existsSync(fresh)) continue;
    if (existsSync(live)) renameSync(live, join(dataDir, kept, name));
    onStep?.(`aside ${name}`);
    renameSync(fresh, live);
    onStep?.(`placed ${name}`);
  }
  flush(join(dataDir, kept));
  flush(dataDir);
  rmSync(journalFile(dataDir));
  onStep?.("journal gone");
  flush(workFolder(dataDir));
  rmSync(join(workFolder(dataDir), staged), { recursive: true, force: true });
}

/**
 * Finishes a restore that was cut short after it was decided; called by whoever is about to use the data folder.
 * Throws DataLockError while the restore itself still runs.
 */
export function resumeSwap(dataDir: string): void {
  if (!swapUnderWay(dataDir)) return;
  const lock = lockDataFolder(dataDir);
  try {
    // Another process may have finished it meanwhile.
    if (swapUnderWay(dataDir)) finishSwap(dataDir);
  } finally {
    lock.release();
  }
}

function flush(folder: string): void {
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
