import type { KeyObject } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { BackupError, changedObject } from "./backup-error.ts";
import { checkPresence, objectsAtOnce, readPacks } from "./compare-packs.ts";
import { readManifest, type VerifiedManifest } from "./envelope.ts";
import { writeWhole } from "./file-reader.ts";
import { inParallel } from "../in-parallel.ts";
import type { Manifest } from "./manifest.ts";
import { type BucketTarget, packPath } from "./target.ts";
import type { BackupWorker } from "./worker-client.ts";

export interface FetchBackupOptions {
  readonly target: BucketTarget;
  /** Of the archive, as the bucket's list has it. */
  readonly name: string;
  readonly verifyKey: KeyObject;
  /** Where it comes to lie, as it does in the bucket; made where absent. Nobody else may write to it. */
  readonly folder: string;
  readonly worker: BackupWorker;
  /** Told what was signed, and how many bytes are still to come, before any of them: what throws here ends it. */
  readonly judge: (manifest: Manifest, bytesToCome: number) => Promise<void>;
  readonly onBytes?: ((done: number, total: number) => void) | undefined;
  /** False: the archive alone. */
  readonly withPacks?: boolean;
}

/**
 * Brings an archive and exactly the packs that it needs into a folder. The signature is checked before a byte is kept;
 * no file has its name there before its hash was the signed one; what an earlier run left is taken up, and what is of
 * another backup goes. In memory are a few pieces at a time. Resolves with the archive's path. Throws BackupError, and
 * what the disk throws.
 */
export async function fetchBackup(options: FetchBackupOptions): Promise<string> {
  const { target, name, verifyKey, folder, worker } = options;
  const reader = await target.open(name);
  const signed = await readManifest(reader, verifyKey);
  const { manifest } = signed;
  const packs = options.withPacks === false ? [] : await readPacks(reader, manifest);
  await checkPresence(target, manifest, packs);

  const wanted: Wanted[] = [
    {
      key: name,
      bytes: reader.size,
      isGood: (path) => isArchive(worker, path, verifyKey, signed),
    },
    ...packs.map(({ hash, bytes }) => ({
      key: packPath(manifest.instance, hash),
      bytes,
      isGood: async (path: string) => (await worker.run("hash", { path })).hash === hash,
    })),
  ];
  await removeOthers(folder, new Set(wanted.map(({ key }) => key)));
  const total = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
  let here = 0;
  for (const { key, bytes } of wanted) here += Math.min(await bytesHere(join(folder, key)), bytes);
  await options.judge(manifest, total - here);

  let done = 0;
  const count = (more: number): void => options.onBytes?.((done += more), total);
  await inParallel(wanted, objectsAtOnce, (object) => fetchObject(target, object, folder, count));
  return join(folder, name);
}

interface Wanted {
  readonly key: string;
  readonly bytes: number;
  /** Whether a local file is it. */
  readonly isGood: (path: string) => Promise<boolean>;
}

/** What has come of it so far. */
const part = ".part";

async function fetchObject(
  target: BucketTarget,
  { key, bytes, isGood }: Wanted,
  folder: string,
  count: (more: number) => void,
): Promise<void> {
  const path = join(folder, key);
  if ((await sizeOf(path)) === bytes && (await isGood(path))) return count(bytes);
  await rm(path, { force: true });
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const coming = `${path}${part}`;
  for (;;) {
    const found = await sizeOf(coming);
    const from = found <= bytes ? found : 0;
    count(from);
    await receive(target.stream(key, from, bytes - from), coming, from, count);
    if (await isGood(coming)) return await rename(coming, path);
    // The beginning may be what a power cut made of it: once more, all of it.
    await rm(coming);
    count(-bytes);
    if (from === 0) throw changedObject(key);
  }
}

async function receive(
  pieces: AsyncIterable<Uint8Array>,
  path: string,
  from: number,
  count: (more: number) => void,
): Promise<void> {
  const file = await open(path, from === 0 ? "w" : "a", 0o600);
  try {
    for await (const piece of pieces) {
      await writeWhole(file, piece);
      count(piece.byteLength);
    }
  } finally {
    await file.close();
  }
}

async function isArchive(
  worker: BackupWorker,
  path: string,
  verifyKey: KeyObject,
  signed: VerifiedManifest,
): Promise<boolean> {
  try {
    const found = await worker.run("verify", { path, verifyKey, packFolders: [] });
    return found.manifestHash === signed.hash;
  } catch (error) {
    if (error instanceof BackupError && error.fault === "tampered") return false;
    throw error;
  }
}

async function bytesHere(path: string): Promise<number> {
  return (await sizeOf(path)) || (await sizeOf(`${path}${part}`));
}

/** 0 where there is none. */
async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

/** What was fetched for another backup: it would lie there until somebody looked. */
async function removeOthers(folder: string, keys: ReadonlySet<string>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const key = relative(folder, path);
    const isKept = keys.has(key.endsWith(part) ? key.slice(0, -part.length) : key);
    if (!entry.isDirectory() && !isKept) await rm(path, { force: true });
  }
}
