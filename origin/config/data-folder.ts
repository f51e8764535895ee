import { accessSync, chmodSync, constants, mkdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { resumeSwap } from "../host/backup/swap.ts";

/** The data folder cannot be used. The message says what to do. */
export class DataFolderError extends Error {
  override name = "DataFolderError";
}

/** `--data`, else $BURROW_DATA, else ~/.burrow. */
export function chooseDataFolder(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  return resolve(option ?? (environment["BURROW_DATA"] || join(homedir(), ".burrow")));
}

/**
 * Throws DataFolderError when it is missing, no folder, another user's, open to other users' writing, or not to ours. Finishes a
 * restore that was cut short; throws DataLockError while one runs.
 */
export function checkDataFolder(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found)
    throw new DataFolderError(`There is no data folder ${path}. Run "burrow init --server-name NAME" first.`);
  if (!found.isDirectory())
    throw new DataFolderError(`${path} is not a folder. Choose another one with --data.`);
  const self = process.getuid?.();
  if (self !== undefined && found.uid !== self) {
    throw new DataFolderError(
      `The data folder ${path} belongs to the user ${found.uid}, and Burrow runs as ${self}. Run Burrow as its owner, or choose another folder with --data.`,
    );
  }
  if ((found.mode & 0o022) !== 0) {
    throw new DataFolderError(`Other users may write to the data folder ${path}. Run: chmod 700 "${path}"`);
  }
  checkWritable(path);
  // Here, since everyone comes by: nobody may read half of the old data and half of the restored.
  resumeSwap(path);
}

/** Asks and writes nothing, so that a full disk passes. The kernel tells root of a read-only mount, too. */
function checkWritable(path: string): void {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EROFS") {
      throw new DataFolderError(
        `The data folder ${path} lies on a file system that is read-only. Make it writable: "mount -o remount,rw" on its mount point. One that turned read-only by itself often has a failing disk: look at the system's log first.`,
      );
    }
    throw new DataFolderError(`Burrow may not write to its data folder ${path}. Run: chmod 700 "${path}"`);
  }
}

/** Makes the folder, for its owner alone; one that is there must be usable. */
export function makeDataFolder(path: string): void {
  if (mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(path, 0o700);
  checkDataFolder(path);
}
