import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdir, rename, rm, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { makeDataFolder } from "../../config/data-folder.ts";
import type { Migration } from "../../storage/database.ts";
import { diskFaultOf } from "../../storage/disk-fault.ts";
import { lockDataFolder } from "../data-lock.ts";
import { readIdentity } from "./backup-keys.ts";
import { BackupError } from "./backup-error.ts";
import { flushPath } from "./file-reader.ts";
import type { Manifest } from "./manifest.ts";
import { neverBackedUp } from "./registry.ts";
import { decideSwap, finishSwap, resumeSwap, swapUnderWay } from "./swap.ts";
import { clearWork, fetchedName, lockWork, workFolder } from "./work-lock.ts";
import type { BackupWorker } from "./worker-client.ts";

/** What this Burrow knows of one database, and what has to be done to it after a restore. */
export interface RestorableDatabase {
  readonly name: string;
  readonly migrations: readonly Migration[];
  /** SQL: ends what must not come back to life (sessions), and marks the break (positions given out since). */
  readonly afterRestore?: string;
}

export interface RestoreOptions {
  readonly dataDir: string;
  readonly archive: string;
  readonly identityFile: string;
  readonly databases: readonly RestorableDatabase[];
  readonly worker: BackupWorker;
  readonly now: () => number;
  /** False: everything is read and compared, and nothing written. */
  readonly write: boolean;
  /** The caller holds the locks, and has what it fetched in the work folder. */
  readonly held?: boolean;
  readonly onProgress?: (phase: "fetch" | "check" | "unpack", done: number, total: number) => void;
  /** Told of each step once it is done: where a test may end the process. */
  readonly onStep?: (step: string) => void;
}

export interface RestoreReport {
  readonly written: boolean;
  readonly manifest: Manifest;
  readonly files: number;
  readonly blobs: number;
  readonly bytes: number;
  /** What will be or was replaced, and where the old data are. Null into an empty folder. */
  readonly replaced: { readonly names: readonly string[]; readonly kept: string } | null;
}

/**
 * Restores an archive into the data folder. All of it is checked against the identity's verify key before anything is
 * parsed, then unpacked beside the live data, checked again there, and moved into place; the old data are kept.
 * Killed at any point it leaves the old data or the new. Throws BackupError, DataLockError, DataFolderError.
 */
export async function restoreArchive(options: RestoreOptions): Promise<RestoreReport> {
  const { dataDir, archive, worker } = options;
  const identity = readIdentity(options.identityFile);
  const packFolders = [dirname(resolve(archive))];
  const verified = await worker.run(
    "verify",
    { path: archive, verifyKey: identity.verifyKey, packFolders },
    (done, total) => options.onProgress?.("check", done, total),
  );
  const { manifest } = verified;
  checkSchemas(manifest, options.databases);
  const opening = { text: identity.identity, file: resolve(options.identityFile) };
  const unpack = { archive, verifyKey: identity.verifyKey, identity: opening, packFolders };
  const onProgress = (done: number, total: number): void => options.onProgress?.("unpack", done, total);
  const inPlace = existingData(dataDir);
  const kept = nameForKept(dataDir, options.now());
  if (!options.write) {
    const read = await worker.run("unpack", unpack, onProgress);
    const replaced = inPlace.length === 0 ? null : { names: inPlace, kept: join(dataDir, kept) };
    return { written: false, manifest, files: read.files, blobs: read.blobs, bytes: read.bytes, replaced };
  }

  const isHeld = options.held === true;
  const release = isHeld ? () => {} : lockForRestore(dataDir);
  const clear = (): Promise<void> => clearWork(dataDir, isHeld ? fetchedName : undefined);
  try {
    await clear();
    const staging = join(workFolder(dataDir), "staged");
    const unpacked = join(workFolder(dataDir), "unpacked");
    if ((await freeBytes(dataDir)) < bytesToRestore(manifest)) throw noSpace();
    options.onStep?.("started");
    const read = await worker.run("unpack", { ...unpack, destination: unpacked }, onProgress);
    options.onStep?.("unpacked");
    await rename(join(unpacked, "data"), staging);
    await rm(unpacked, { recursive: true, force: true });
    // Both are the whole of their kind: what the archive does not have is replaced by none.
    for (const name of new Set(["databases", ...inPlace.filter((entry) => isFolder(join(dataDir, entry)))])) {
      await mkdir(join(staging, name), { recursive: true, mode: 0o700 });
    }
    const databases = options.databases.map((database) => ({ afterRestore: "", ...database }));
    await worker.run("prepare", { folder: staging, schemas: manifest.schemas, databases });
    await flushAll(staging);
    options.onStep?.("prepared");

    // Whoever signed it: no archive brings commands to run, or lets go of a latch.
    const names = readdirSync(staging).filter(isRestorable);
    decideSwap(dataDir, { staged: "staged", kept, names });
    options.onStep?.("decided");
    finishSwap(dataDir, options.onStep);
    const replaced = inPlace.length === 0 ? null : { names: inPlace, kept: join(dataDir, kept) };
    if (!replaced) await rm(join(dataDir, kept), { recursive: true, force: true });
    return { written: true, manifest, files: read.files, blobs: read.blobs, bytes: read.bytes, replaced };
  } catch (error) {
    const isFull = diskFaultOf(error) === "full" || (error instanceof BackupError && error.fault === "full");
    if (isFull && !swapUnderWay(dataDir)) throw noSpace(error);
    throw error;
  } finally {
    if (!swapUnderWay(dataDir)) await clear();
    release();
  }
}

/** Nothing else may work on the folder meanwhile, which is made where it is absent. Returns what lets go of it. */
export function lockForRestore(dataDir: string): () => void {
  makeDataFolder(dataDir);
  const lock = lockDataFolder(dataDir);
  try {
    const work = lockWork(dataDir);
    return () => {
      work.release();
      lock.release();
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A folder of its own for each restore, two in the same second too: nothing that is kept is ever mixed. */
function nameForKept(dataDir: string, now: number): string {
  const name = `before-restore-${new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
  for (let next = 2, free = name; ; free = `${name}-${next}`, next += 1) {
    if (!existsSync(join(dataDir, free))) return free;
  }
}

/** What the restore would replace. */
function existingData(dataDir: string): string[] {
  if (!existsSync(dataDir)) return [];
  resumeSwap(dataDir);
  return readdirSync(dataDir).filter(isRestorable);
}

function isRestorable(name: string): boolean {
  return !neverBackedUp.some((never) => never.name.test(name));
}

function isFolder(path: string): boolean {
  return statSync(path).isDirectory();
}

/** Throws BackupError `too-new`. */
export function checkSchemas({ schemas, version }: Manifest, known: readonly RestorableDatabase[]): void {
  for (const [name, schema] of Object.entries(schemas)) {
    const database = known.find((candidate) => candidate.name === name);
    if (!database || schema > database.migrations.length) {
      throw new BackupError(
        "too-new",
        `The backup has ${database ? `a newer ${name}.db (schema ${schema}, this Burrow knows ${database.migrations.length})` : `a database ${name}.db that this Burrow does not know`}. Burrow ${version} made it: install that version or a newer one.`,
      );
    }
  }
}

/** Of the disk that the folder is on. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

export function bytesToRestore(manifest: Manifest): number {
  // Encrypted and plain sizes differ by a few per mille; migrations and the journal of a database need some more.
  return (manifest.payload.bytes + manifest.packs.bytes) * 1.1 + 16 * 1024 * 1024;
}

function noSpace(cause?: unknown): BackupError {
  return new BackupError(
    "full",
    "There is too little space: the old data stay until you remove them, so the restore needs the backup's size once more. Nothing was changed.",
    { cause },
  );
}

/** Every folder of the staged data is on disk before the restore is decided; files were flushed when written. */
async function flushAll(folder: string): Promise<void> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await flushAll(join(folder, entry.name));
  }
  await flushPath(folder);
}
