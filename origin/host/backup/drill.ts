import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { choosePacks } from "./choose-packs.ts";
import { checkPresence, comparePacks, readPacks } from "./compare-packs.ts";
import { type CreatedArchive, createArchive, type CreateOptions } from "./create-archive.ts";
import { readManifest } from "./envelope.ts";
import { fetchBackup } from "./fetch-backup.ts";
import { openFileReader } from "./file-reader.ts";
import type { BucketTarget } from "./target.ts";
import { workFolder } from "./work-lock.ts";

export interface DrillResult {
  readonly archive: CreatedArchive;
  readonly files: number;
  readonly databases: number;
  /** Of the archive. */
  readonly packs: number;
  /** Those whose bytes at the target were compared with what was signed. */
  readonly packsCompared: number;
}

/**
 * A restore for practice. A backup is made as always, but for a second key too, made now and kept in memory alone;
 * then it is read back from where it was put, compared, decrypted with that key and unpacked, and its databases are
 * opened. So a backup is known to open without the owner's key being here. Older packs are for the owner's key alone,
 * so of them the encrypted bytes are compared: all that lie in a folder; of a bucket it is seen that all are there, and
 * those that `choosePacks` names are fetched back. Throws BackupError.
 */
export async function rehearse(options: CreateOptions): Promise<DrillResult> {
  const { dataDir, keys, target, worker } = options;
  const oneShot = await worker.run("newIdentity", null);
  const archive = await createArchive({ ...options, extraRecipient: oneShot.recipient });
  await options.onStep?.("made");
  const folder = join(workFolder(dataDir), "drill");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const { verifyKey } = keys;
    const path =
      target.folder === undefined ? await fetchArchive(options, target, archive.name, folder) : archive.path;
    const packFolders = target.folder === undefined ? [] : [target.folder];
    const { manifest: signed, missing } = await worker.run("verify", { path, verifyKey, packFolders });
    const packs = signed.packs.count;
    const packsCompared =
      target.folder === undefined ? await practisePacks(options, target, path) : packs - missing;
    const destination = join(folder, "unpacked");
    const identity = { text: oneShot.identity, file: undefined };
    const unpack = { archive: path, verifyKey, identity, packFolders, destination, withBlobs: false };
    const { manifest, files } = await worker.run("unpack", unpack);
    await options.onStep?.("unpacked");
    const { checked } = await worker.run("prepare", {
      folder: join(destination, "data"),
      schemas: manifest.schemas,
      databases: [],
    });
    return { archive, files, databases: checked, packs, packsCompared };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fetchArchive(
  { keys, worker }: CreateOptions,
  target: BucketTarget,
  name: string,
  folder: string,
): Promise<string> {
  const { verifyKey } = keys;
  const judge = (): Promise<void> => Promise.resolve();
  return fetchBackup({ target, name, verifyKey, folder, worker, judge, withPacks: false });
}

/** How many packs were read back. */
async function practisePacks(
  { keys, history, now, onProgress }: CreateOptions,
  target: BucketTarget,
  path: string,
): Promise<number> {
  const reader = await openFileReader(path);
  try {
    const { manifest } = await readManifest(reader, keys.verifyKey);
    const packs = await readPacks(reader, manifest);
    await checkPresence(target, manifest, packs);
    // The first round begins anywhere.
    const chosen = choosePacks(packs, history.comparedUpTo() ?? randomBytes(32).toString("hex"));
    const total = chosen.reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    await comparePacks(target, manifest, chosen, (more) => {
      onProgress?.({ phase: "packs", done: (done += more), total });
    });
    // Only now: what failed is looked at again.
    const last = chosen.at(-1);
    if (last) await history.noteCompared(last.hash, now());
    return chosen.length;
  } finally {
    await reader.close();
  }
}
