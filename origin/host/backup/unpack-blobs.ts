import { createHash } from "node:crypto";
import { mkdir, open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Age, OpeningIdentity } from "./age.ts";
import { BackupError, missingPacks } from "./backup-error.ts";
import { hashFile, writeWhole } from "./file-reader.ts";
import { giveBack } from "./give-back.ts";
import { inParallel } from "../in-parallel.ts";
import type { BlobPlace, Manifest, PackLine } from "./manifest.ts";
import { packPath } from "./target.ts";

/** One is compared and decrypted while the blobs of another are flushed. */
const atOnce = 2;

/** The pack's file, in the first of the folders that has it. */
export async function findPack(
  line: PackLine,
  manifest: Manifest,
  folders: readonly string[],
): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, packPath(manifest.instance, line.hash));
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return path;
  }
  return undefined;
}

/** Compares an encrypted pack with its line. Throws BackupError `tampered`. */
export async function checkPack(path: string, line: PackLine): Promise<void> {
  const found = await hashFile(path);
  if (found.bytes !== line.bytes || found.hash !== line.hash) {
    throw new BackupError("tampered", `The file ${path} was changed. Nothing of the backup was used.`);
  }
}

/**
 * Takes the blobs out of the packs of a backup, to their places below `destination`; undefined: the packs are compared
 * and nothing is written. `onBytes`: encrypted bytes that are done. Throws BackupError.
 */
export async function unpackBlobs(options: {
  packs: AsyncIterable<PackLine>;
  places: ReadonlyMap<string, readonly BlobPlace[]>;
  manifest: Manifest;
  folders: readonly string[];
  destination: string | undefined;
  age: Age;
  identity: OpeningIdentity;
  onBytes: (done: number) => void;
}): Promise<{ count: number; bytes: number }> {
  const { places, manifest, folders, destination, age, identity } = options;
  const found = { count: 0, bytes: 0 };
  const seen = new Set<string>();
  let done = 0;
  await inParallel(options.packs, atOnce, async (line) => {
    const path = await findPack(line, manifest, folders);
    if (path === undefined) throw missingPacks(1, manifest.packs.count);
    // Compared as a whole before age reads its first byte.
    await checkPack(path, line);
    const inside = places.get(line.hash) ?? [];
    seen.add(line.hash);
    if (destination !== undefined) {
      const plain = age.decryptFile(path, identity);
      for (const place of inside)
        await mkdir(dirname(join(destination, place.path)), { recursive: true, mode: 0o700 });
      const bytes = await cutOut(plain, inside, destination);
      found.bytes += bytes;
    }
    found.count += inside.length;
    done += line.bytes;
    options.onBytes(done);
  });
  for (const pack of places.keys()) if (!seen.has(pack)) throw damaged();
  return found;
}

/** Writes each place's bytes of the decrypted pack to its file, and compares them. Places come in their order. */
async function cutOut(
  plain: AsyncIterable<Uint8Array>,
  places: readonly BlobPlace[],
  destination: string,
): Promise<number> {
  let position = 0;
  let next = 0;
  let total = 0;
  let current: BlobFile | undefined;

  /** Opens and closes what begins and ends at this position; several empty blobs may. */
  async function settle(): Promise<void> {
    for (;;) {
      const place = places[next];
      if (!place || position < place.start) return;
      if (position > place.start && !current) throw damaged();
      current ??= await createBlobFile(join(destination, place.path));
      if (position < place.start + place.length) return;
      if ((await current.finish()) !== place.hash) throw damaged();
      total += place.length;
      current = undefined;
      next += 1;
    }
  }

  try {
    await settle();
    for await (const piece of plain) {
      let rest = piece;
      while (rest.byteLength > 0) {
        const place = places[next];
        const border = place
          ? current
            ? place.start + place.length
            : place.start
          : position + rest.byteLength;
        const taken = rest.subarray(0, border - position);
        if (current) await current.write(taken);
        position += taken.byteLength;
        rest = rest.subarray(taken.byteLength);
        await settle();
      }
      giveBack(piece);
    }
    if (next < places.length) throw damaged();
    return total;
  } finally {
    await current?.close();
  }
}

interface BlobFile {
  write(bytes: Uint8Array): Promise<void>;
  /** The SHA-256 (hex) of what was written; it is on disk then. */
  finish(): Promise<string>;
  close(): Promise<void>;
}

async function createBlobFile(path: string): Promise<BlobFile> {
  const file = await open(path, "wx", 0o600);
  const hash = createHash("sha256");
  let isOpen = true;
  async function close(): Promise<void> {
    if (isOpen) await file.close();
    isOpen = false;
  }
  return {
    async write(bytes) {
      hash.update(bytes);
      await writeWhole(file, bytes);
    },
    async finish() {
      await file.sync();
      await close();
      return hash.digest("hex");
    },
    close,
  };
}

function damaged(): BackupError {
  return new BackupError(
    "damaged",
    "The blobs of the backup are not what it says of them. Use another backup.",
  );
}
