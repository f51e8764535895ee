import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { KnownBlob } from "./backup-history.ts";
import type { BackupKeys } from "./backup-keys.ts";
import type { CreateOptions } from "./create-archive.ts";
import { inParallel } from "../in-parallel.ts";
import { type BlobPlace, formatBlobPlace, formatPackLine } from "./manifest.ts";
import type { BackupTarget } from "./target.ts";

export interface StoredBlobs {
  /** Files with the two lists: of the packs in clear text, and of the blobs for inside the archive. */
  readonly packList: string;
  readonly placeList: string;
  /** Files of the blob folders for the archive itself: those that are no blobs, or all of them in a whole one. */
  readonly others: readonly string[];
  readonly blobs: number;
  readonly packs: { readonly count: number; readonly bytes: number };
  readonly newBlobs: number;
  /** Of their packs. */
  readonly newBytes: number;
  readonly damaged: readonly string[];
}

interface Blob {
  /** From the data folder. */
  readonly path: string;
  readonly hash: string;
}

const hashName = /^[0-9a-f]{64}$/;
/** A pack is closed after so much, or so many: what a killed run does again is not more than one of them. */
const packBytes = 64 * 1024 * 1024;
const packBlobs = 5000;
const notesATurn = 500;
/** One is encrypted while another is hashed, flushed, uploaded. */
const atOnce = 2;

/**
 * Encrypts the blobs that the target does not have yet, some of them in one file, and writes both lists into `folder`.
 * Blobs of a pack of which less than half is still alive are stored anew, and the old pack goes once no archive needs
 * it.
 */
export async function storeBlobs(
  options: CreateOptions,
  folder: string,
  step: (name: string) => Promise<void>,
): Promise<StoredBlobs> {
  const { dataDir, keys, target, history, whole = false } = options;
  const { stored, fresh, others } = await sortOut(options);
  const place = placeOf(keys, target);
  const lists = openPlaceList(join(folder, "blob-places"));
  const packs = new Map<string, number>();
  const damaged: string[] = [];
  let blobs = 0;
  let newBytes = 0;

  async function note(blob: Blob, known: KnownBlob): Promise<void> {
    packs.set(known.pack, known.packBytes);
    blobs += 1;
    const { pack, start, length } = known;
    await lists.add({ pack, start, length, ...blob });
    // The daemon answers between them, however many there are.
    if (blobs % notesATurn === 0) await turn();
    options.onProgress?.({ phase: "blobs", done: blobs, total: stored.length + fresh.length });
  }

  for (const { blob, known } of stored) await note(blob, known);
  const before = blobs;
  await inParallel(packsOf(dataDir, fresh), atOnce, async (group) => {
    const made = await storePack(options, group);
    for (const at of made.damaged) damaged.push(group[at]?.path ?? "");
    if (made.blobs.length === 0) return;
    newBytes += made.blobs[0]?.known.packBytes ?? 0;
    await history.keepBlobs(
      place,
      made.blobs.map(({ blob, known }) => ({ hash: blob.hash, ...known })),
    );
    for (const { blob, known } of made.blobs) await note(blob, known);
    await step("pack");
  });
  await lists.close();
  const packList = join(folder, "pack-list");
  const lines = [...packs].map(([hash, bytes]) => formatPackLine({ hash, bytes }));
  await writeFile(packList, lines.join(""), { flag: "wx", mode: 0o600 });
  return {
    packList,
    placeList: lists.path,
    others,
    blobs: whole ? others.filter(isBlob).length : blobs,
    packs: { count: packs.size, bytes: [...packs.values()].reduce((sum, bytes) => sum + bytes, 0) },
    newBlobs: blobs - before,
    newBytes,
    damaged,
  };
}

/** The name under which the history knows the blobs of these keys at this target: another key's are none of theirs. */
export function placeOf(keys: BackupKeys, target: BackupTarget): string {
  return `${keys.instance} ${target.description}`;
}

interface Sorted {
  readonly stored: readonly { readonly blob: Blob; readonly known: KnownBlob }[];
  readonly fresh: readonly Blob[];
  readonly others: readonly string[];
}

/** Which blobs lie at the target already, and which have to be stored. */
async function sortOut({
  dataDir,
  plan,
  keys,
  target,
  history,
  whole = false,
}: CreateOptions): Promise<Sorted> {
  const place = placeOf(keys, target);
  const index = await target.packs(keys.instance);
  const present = new Map<string, boolean>();
  const alive = new Map<string, number>();
  const stored: { blob: Blob; known: KnownBlob }[] = [];
  const fresh: Blob[] = [];
  const others: string[] = [];
  for await (const path of blobFiles(dataDir, plan.blobFolders)) {
    if (whole || !isBlob(path)) {
      others.push(path);
      continue;
    }
    const blob = { path, hash: path.slice(path.lastIndexOf("/") + 1) };
    const known = history.blob(place, blob.hash);
    if (known && !present.has(known.pack)) {
      present.set(known.pack, (await index.size(known.pack)) === known.packBytes);
    }
    if (known && present.get(known.pack) === true) {
      stored.push({ blob, known });
      alive.set(known.pack, (alive.get(known.pack) ?? 0) + known.length);
    } else fresh.push(blob);
  }
  const isWorthKeeping = ({ pack, packBytes: size }: KnownBlob): boolean =>
    (alive.get(pack) ?? 0) * 2 >= size - 4096;
  return {
    stored: stored.filter(({ known }) => isWorthKeeping(known)),
    fresh: [...fresh, ...stored.filter(({ known }) => !isWorthKeeping(known)).map(({ blob }) => blob)],
    others,
  };
}

function isBlob(path: string): boolean {
  return hashName.test(path.slice(path.lastIndexOf("/") + 1));
}

async function* packsOf(dataDir: string, blobs: readonly Blob[]): AsyncGenerator<Blob[]> {
  let group: Blob[] = [];
  let bytes = 0;
  for (const blob of blobs) {
    group.push(blob);
    bytes += (await stat(join(dataDir, blob.path)).catch(() => undefined))?.size ?? 0;
    if (bytes >= packBytes || group.length >= packBlobs) {
      yield group;
      group = [];
      bytes = 0;
    }
  }
  if (group.length > 0) yield group;
}

async function storePack(
  { dataDir, keys, target, worker, extraRecipient }: CreateOptions,
  group: readonly Blob[],
): Promise<{ blobs: { blob: Blob; known: KnownBlob }[]; damaged: readonly number[] }> {
  const out = join(target.incoming, randomBytes(12).toString("hex"));
  const { pack, stored, damaged } = await worker.run("packBlobs", {
    blobs: group.map(({ path, hash }) => ({ source: join(dataDir, path), hash })),
    out,
    recipients: [keys.recipient, ...(extraRecipient ? [extraRecipient] : [])],
  });
  if (!pack) return { blobs: [], damaged };
  await target.putPack(keys.instance, pack.hash, out);
  const blobs = stored.flatMap(({ at, start, length }) => {
    const blob = group[at];
    return blob ? [{ blob, known: { pack: pack.hash, packBytes: pack.bytes, start, length } }] : [];
  });
  return { blobs, damaged };
}

/** Files of the blob folders, from the data folder; what is still being uploaded (`incoming`) is none yet. */
async function* blobFiles(dataDir: string, folders: readonly string[]): AsyncGenerator<string> {
  for (const folder of folders) {
    for await (const path of filesBelow(dataDir, folder)) {
      if (!path.startsWith(`${folder}/incoming/`)) yield path;
    }
  }
}

async function* filesBelow(dataDir: string, folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(join(dataDir, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(dataDir, path);
    else if (entry.isFile()) yield path;
  }
}

interface PlaceList {
  readonly path: string;
  add(place: BlobPlace): Promise<void>;
  close(): Promise<void>;
}

function openPlaceList(path: string): PlaceList {
  const stream = createWriteStream(path, { flags: "wx", mode: 0o600 });
  return {
    path,
    async add(place) {
      if (!stream.write(formatBlobPlace(place), "latin1")) await once(stream, "drain");
    },
    async close() {
      stream.end();
      await once(stream, "close");
    },
  };
}
