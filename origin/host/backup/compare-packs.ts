import { createHash, type KeyObject } from "node:crypto";
import { changedObject, missingFromBucket } from "./backup-error.ts";
import { type RandomReader, readManifest, readPackList, readPayload } from "./envelope.ts";
import { inParallel } from "../in-parallel.ts";
import { type Manifest, type PackLine, parsePackLine } from "./manifest.ts";
import { type BucketTarget, packPath } from "./target.ts";
import type { VerifiedArchive } from "./unpack-archive.ts";

/** While one object is hashed or written the next ones are on their way; more would only fill the line. */
export const objectsAtOnce = 3;

/**
 * Compares every byte of an archive in a bucket, and of its packs, with what was signed, as they come: nothing is
 * written. Throws BackupError.
 */
export async function verifyInBucket(
  target: BucketTarget,
  name: string,
  verifyKey: KeyObject,
  onBytes: (done: number, total: number) => void,
): Promise<VerifiedArchive> {
  const reader = await target.open(name);
  const { manifest, hash } = await readManifest(reader, verifyKey);
  const packs = await readPacks(reader, manifest);
  await checkPresence(target, manifest, packs);
  const total = manifest.payload.bytes + manifest.packs.bytes;
  let done = 0;
  const count = (bytes: number): void => onBytes((done += bytes), total);
  for await (const chunk of readPayload(reader, manifest)) count(chunk.byteLength);
  await comparePacks(target, manifest, packs, count);
  return { manifest, manifestHash: hash, missing: 0 };
}

/** The packs of an archive: some hundred bytes for each 64 MB. */
export async function readPacks(reader: RandomReader, manifest: Manifest): Promise<PackLine[]> {
  const packs: PackLine[] = [];
  for await (const text of readPackList(reader, manifest)) packs.push(parsePackLine(text));
  return packs;
}

/** Asks the bucket's list whether each pack is there with its size. Throws BackupError. */
export async function checkPresence(
  target: BucketTarget,
  { instance }: Manifest,
  packs: readonly PackLine[],
): Promise<void> {
  if (packs.length === 0) return;
  const index = await target.packs(instance);
  let missing = 0;
  for (const { hash, bytes } of packs) {
    const found = await index.size(hash);
    if (found === undefined) missing += 1;
    else if (found !== bytes) throw changedObject(packPath(instance, hash));
  }
  if (missing > 0) throw missingFromBucket(missing, packs.length, target.description);
}

/** Reads packs back and compares them with their lines. `onBytes`: bytes more that came. Throws BackupError. */
export async function comparePacks(
  target: BucketTarget,
  { instance }: Manifest,
  packs: readonly PackLine[],
  onBytes: (more: number) => void,
): Promise<void> {
  await inParallel(packs, objectsAtOnce, async ({ hash, bytes }) => {
    const key = packPath(instance, hash);
    const found = createHash("sha256");
    for await (const piece of target.stream(key, 0, bytes)) {
      found.update(piece);
      onBytes(piece.byteLength);
    }
    if (found.digest("hex") !== hash) throw changedObject(key);
  });
}
