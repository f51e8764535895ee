import { rm } from "node:fs/promises";
import { join } from "node:path";
import { makeDataFolder } from "../../config/data-folder.ts";
import { BackupError } from "./backup-error.ts";
import { readIdentity } from "./backup-keys.ts";
import { fetchBackup } from "./fetch-backup.ts";
import { findArchive } from "./find-archive.ts";
import type { Manifest } from "./manifest.ts";
import {
  bytesToRestore,
  checkSchemas,
  freeBytes,
  lockForRestore,
  type RestoreOptions,
  type RestoreReport,
  restoreArchive,
} from "./restore.ts";
import type { BucketTarget } from "./target.ts";
import { fetchedName, lockWork, workFolder } from "./work-lock.ts";

export interface BucketRestoreOptions extends Omit<RestoreOptions, "archive" | "held"> {
  readonly target: BucketTarget;
  /** Of the archive in the bucket, or `latest`. */
  readonly name: string;
  /** Bytes that the disk of a folder has left; the file system's own answer by default. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/**
 * Restores from a bucket: fetches what is needed into the data folder's work folder, then does as `restoreArchive`
 * does with it. What was fetched stays after a trial, and after a failure too, for the run that follows; it goes once
 * the restore is done, or with the next backup that is made here. Throws what `restoreArchive` throws; `full`
 * before anything is fetched.
 */
export async function restoreFromBucket(
  options: BucketRestoreOptions,
): Promise<RestoreReport & { archive: string }> {
  const { dataDir, target, worker, databases, onProgress } = options;
  const { verifyKey } = readIdentity(options.identityFile);
  const release = options.write ? lockForRestore(dataDir) : lockForTrial(dataDir);
  const folder = join(workFolder(dataDir), fetchedName);
  const askFree = options.freeBytes ?? freeBytes;
  try {
    const name = await findArchive(target, options.name, verifyKey);
    const archive = await fetchBackup({
      target,
      name,
      verifyKey,
      folder,
      worker,
      async judge(manifest, bytesToCome) {
        checkSchemas(manifest, databases);
        checkRoom(manifest, bytesToCome, await askFree(dataDir));
      },
      onBytes: (done, total) => onProgress?.("fetch", done, total),
    });
    options.onStep?.("fetched");
    const report = await restoreArchive({ ...options, archive, held: true });
    if (report.written) await rm(folder, { recursive: true, force: true });
    return { ...report, archive: name };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    throw new BackupError(
      "full",
      `The disk of ${dataDir} is full. Nothing was changed; what was fetched stays for the next try. Make room, and run the same command again.`,
      { cause: error },
    );
  } finally {
    release();
  }
}

/** A trial changes no data, and may run beside the daemon; a backup may not meanwhile. */
function lockForTrial(dataDir: string): () => void {
  makeDataFolder(dataDir);
  const work = lockWork(dataDir);
  return () => work.release();
}

/** For a trial as well: it tells whether the restore itself will fit. */
function checkRoom(manifest: Manifest, bytesToCome: number, free: number): void {
  const needed = bytesToCome + bytesToRestore(manifest);
  if (free >= needed) return;
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
  throw new BackupError(
    "full",
    `There is too little space: the restore needs ${megabytes(needed)} (what is fetched, and what it unpacks to), and ${megabytes(free)} are free. Nothing was fetched now. Make room, or choose a data folder on a larger disk with --data.`,
  );
}
