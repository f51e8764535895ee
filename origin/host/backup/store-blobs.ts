import { randomBytes } from "node:crypto";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { BackupKeys } from "./backup-keys.ts";
import { BackupError } from "./backup-error.ts";
import type { CreateOptions } from "./create-archive.ts";
import { inParallel } from "./in-parallel.ts";
import { type BlobLine, formatBlobLine, formatBlobPlace } from "./manifest.ts";
import type { BackupTarget, BlobIndex } from "./target.ts";

export interface StoredBlobs {
  /** Files with the two lists: in clear text, and what belongs inside the archive. */
  readonly list: string;
  readonly places: string;
  /** Files of the blob folders that are no blobs: they go into the archive itself. */
  readonly others: readonly string[];
  readonly count: number;
  readonly bytes: number;
  readonly newCount: number;
  readonly newBytes: number;
  readonly damaged: readonly string[];
}

const hashName = /^[0-9a-f]{64}$/;
/** In the place of an encrypted blob's name, where the blob is in the archive itself. */
const nowhere = "0".repeat(64);
/** One is encrypted while others are hashed, flushed, uploaded. */
const atOnce = 4;

/** Encrypts the blobs that the target does not have yet, and writes both lists into `folder`. */
export async function storeBlobs(
  options: CreateOptions,
  folder: string,
  step: (name: string) => Promise<void>,
): Promise<StoredBlobs> {
  const { dataDir, plan, keys, target, whole = false } = options;
  const lists = await openLists(folder);
  const index = await target.blobs(keys.instance);
  const damaged: string[] = [];
  const others: string[] = [];
  const found = { count: 0, bytes: 0, newCount: 0, newBytes: 0 };

  async function store(path: string): Promise<void> {
    const hash = path.slice(path.lastIndexOf("/") + 1);
    if (!hashName.test(hash)) {
      others.push(path);
      return;
    }
    if (whole) {
      found.count += 1;
      await lists.add(undefined, path, hash);
      return;
    }
    const stored = await storeBlob(options, index, path, hash).catch((error: unknown) => {
      if (error instanceof BackupError && error.fault === "damaged") damaged.push(path);
      // Deleted since it was listed: the copied databases may still name it, but nobody can read it here either.
      else if (!(error instanceof BackupError) || error.fault !== "missing") throw error;
    });
    if (!stored) return;
    found.count += 1;
    found.bytes += stored.bytes;
    await lists.add(stored, path, hash);
    if (stored.isNew) {
      found.newCount += 1;
      found.newBytes += stored.bytes;
      await step("blob");
    }
    options.onProgress?.({ phase: "blobs", done: found.count, total: 0 });
  }

  try {
    await inParallel(blobFiles(dataDir, plan.blobFolders), atOnce, store);
    await lists.flush();
  } finally {
    await lists.close();
  }
  return { list: lists.list, places: lists.places, others, damaged, ...found };
}

async function storeBlob(
  options: CreateOptions,
  index: BlobIndex,
  path: string,
  hash: string,
): Promise<BlobLine & { isNew: boolean }> {
  const { dataDir, keys, target, history, worker, extraRecipient } = options;
  const place = placeOf(keys, target);
  const known = history.blob(place, hash);
  if (known && (await index.size(known.cipherHash)) === known.bytes) return { ...known, isNew: false };
  const out = join(target.incoming, randomBytes(12).toString("hex"));
  const recipients = [keys.recipient, ...(extraRecipient ? [extraRecipient] : [])];
  const made = await worker.run("encryptBlob", { source: join(dataDir, path), out, hash, recipients });
  await target.putBlob(keys.instance, made.cipherHash, out);
  await history.keepBlob(place, hash, made);
  return { ...made, isNew: true };
}

/** The name under which the history knows the blobs of these keys at this target: another key's are none of theirs. */
export function placeOf(keys: BackupKeys, target: BackupTarget): string {
  return `${keys.instance} ${target.description}`;
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

interface BlobLists {
  readonly list: string;
  readonly places: string;
  /** The same line of both: what lies at the target (undefined: in the archive), and where it belongs. */
  add(line: BlobLine | undefined, path: string, hash: string): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

async function openLists(folder: string): Promise<BlobLists> {
  const list = join(folder, "blob-list");
  const places = join(folder, "blob-places");
  const files: FileHandle[] = [await open(list, "wx", 0o600), await open(places, "wx", 0o600)];
  let held: [string, string] = ["", ""];
  let written = Promise.resolve();

  /** One write after another, whoever asks for it. */
  function flush(): Promise<void> {
    const texts = held;
    held = ["", ""];
    written = written.then(async () => {
      for (const [at, text] of texts.entries()) await files[at]?.writeFile(text, "latin1");
    });
    return written;
  }

  return {
    list,
    places,
    async add(line, path, hash) {
      if (line) held[0] += formatBlobLine(line);
      held[1] += formatBlobPlace({ cipherHash: line?.cipherHash ?? nowhere, hash, path });
      if (held[1].length > 65_536) await flush();
    },
    flush,
    async close() {
      for (const file of files) await file.close();
    },
  };
}
