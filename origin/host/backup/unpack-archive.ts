import { createHash, type KeyObject } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Readable } from "node:stream";
import { ArchiveError, extractArchive, ownBackup, readArchive } from "../archive/archive.ts";
import type { Age, OpeningIdentity } from "./age.ts";
import { BackupError } from "./backup-error.ts";
import { linesOf, type RandomReader, readPackList, readManifest, readPayload } from "./envelope.ts";
import { giveBack } from "./give-back.ts";
import { flushPath, hashFile, openFileReader } from "./file-reader.ts";
import {
  type Contents,
  type Manifest,
  manifestFormat,
  type PackLine,
  parsePackLine,
  type BlobPlace,
  parseBlobPlace,
} from "./manifest.ts";
import { checkPack, findPack, unpackBlobs } from "./unpack-blobs.ts";

export interface VerifiedArchive {
  readonly manifest: Manifest;
  readonly manifestHash: string;
  /** Packs that are in none of the folders. */
  readonly missing: number;
}

/**
 * Compares every byte of an archive, and of the packs that belong to it, with what was signed. Needs no identity:
 * nothing is decrypted. A pack that is not there is counted, a changed one is an error. Throws BackupError.
 */
export async function verifyArchive(
  path: string,
  verifyKey: KeyObject,
  packFolders: readonly string[],
  onBytes: (done: number, total: number) => void,
): Promise<VerifiedArchive> {
  const reader = await openArchive(path);
  try {
    const { manifest, hash } = await readManifest(reader, verifyKey);
    const total = manifest.payload.bytes + manifest.packs.bytes;
    let done = 0;
    for await (const chunk of readPayload(reader, manifest)) {
      done += chunk.byteLength;
      onBytes(done, total);
      giveBack(chunk);
    }
    let missing = 0;
    for await (const line of packLines(reader, manifest)) {
      const file = await findPack(line, manifest, packFolders);
      if (file === undefined) {
        missing += 1;
        continue;
      }
      await checkPack(file, line);
      done += line.bytes;
      onBytes(done, total);
    }
    return { manifest, manifestHash: hash, missing };
  } finally {
    await reader.close();
  }
}

export interface UnpackJob {
  readonly archive: string;
  readonly verifyKey: KeyObject;
  readonly identity: OpeningIdentity;
  readonly packFolders: readonly string[];
  /** Where to unpack: absent or empty. Undefined: everything is read and compared, and nothing written. */
  readonly destination?: string;
  /** False: the identity is of the archive alone, and the packs beside it stay as they are. */
  readonly withBlobs?: boolean;
}

export interface UnpackedArchive {
  readonly manifest: Manifest;
  readonly files: number;
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * Unpacks a backup to `<destination>/data` as it was packed, every file compared with its hash from inside. Throws
 * BackupError (ArchiveError never: a signed archive that does not unpack was made damaged).
 */
export async function unpackArchive(
  job: UnpackJob,
  age: Age,
  onBytes: (done: number, total: number) => void,
): Promise<UnpackedArchive> {
  const reader = await openArchive(job.archive);
  try {
    const { manifest } = await readManifest(reader, job.verifyKey);
    const total = manifest.payload.bytes + manifest.packs.bytes;
    const plain = Readable.from(
      age.decrypt(
        readPayload(reader, manifest, (done) => onBytes(done, total)),
        job.identity,
      ),
      { objectMode: false },
    );
    const read = job.destination === undefined ? compareOnly(plain) : extract(plain, job.destination);
    const { contents, places, bytes } = await read.catch((error: unknown) => {
      throw error instanceof ArchiveError
        ? new BackupError("damaged", `The archive does not unpack: ${error.message}`, { cause: error })
        : error;
    });
    if (job.withBlobs === false) return { manifest, files: contents.files.length, blobs: 0, bytes };
    const folders = [...job.packFolders, ...(contents.packFolder === null ? [] : [contents.packFolder])];
    const blobs = await unpackBlobs({
      packs: packLines(reader, manifest),
      places: await placesByPack(places),
      manifest,
      folders,
      destination: job.destination === undefined ? undefined : join(job.destination, "data"),
      age,
      identity: job.identity,
      onBytes: (done) => onBytes(manifest.payload.bytes + done, total),
    });
    return { manifest, files: contents.files.length, blobs: blobs.count, bytes: bytes + blobs.bytes };
  } finally {
    await reader.close();
  }
}

interface Unpacked {
  readonly contents: Contents;
  readonly places: Uint8Array;
  readonly bytes: number;
}

/** Reads the archive to its end and compares all of it, in memory alone. */
async function compareOnly(plain: Readable): Promise<Unpacked> {
  const found = new Map<string, string>();
  const small = new Map<string, Uint8Array>();
  const { bytes } = await readArchive(
    plain,
    ownBackup,
    async ({ path, stream }) => {
      const hash = createHash("sha256");
      const kept: Uint8Array[] = [];
      for await (const piece of stream as AsyncIterable<Uint8Array>) {
        hash.update(piece);
        if (!path.startsWith("data/")) kept.push(piece);
      }
      if (path.startsWith("data/")) found.set(path.slice(5), hash.digest("hex"));
      else small.set(path, Buffer.concat(kept));
    },
    { format: "tar.zst" },
  );
  const contents = parseContents(small.get("contents.json"));
  checkFiles(contents, found);
  return { contents, places: small.get("blobs.txt") ?? new Uint8Array(), bytes };
}

/** Unpacks, and compares what is on disk afterwards. */
async function extract(plain: Readable, destination: string): Promise<Unpacked> {
  const { bytes } = await extractArchive(plain, destination, ownBackup, { format: "tar.zst" });
  const contents = parseContents(await readFile(join(destination, "contents.json")));
  const found = new Map<string, string>();
  for (const { path } of contents.files) {
    const file = join(destination, "data", path);
    if (relative(join(destination, "data"), file).startsWith("..")) throw damaged();
    found.set(path, (await hashFile(file)).hash);
    await flushPath(file);
  }
  checkFiles(contents, found);
  return { contents, places: await readFile(join(destination, "blobs.txt")), bytes };
}

function checkFiles(contents: Contents, found: ReadonlyMap<string, string>): void {
  if (contents.files.length !== found.size) throw damaged();
  for (const { path, hash } of contents.files) if (found.get(path) !== hash) throw damaged();
}

function parseContents(bytes: Uint8Array | undefined): Contents {
  const contents = JSON.parse(Buffer.from(bytes ?? []).toString("utf8") || "{}") as Contents;
  if (contents.format !== manifestFormat) throw damaged();
  return contents;
}

async function* packLines(reader: RandomReader, manifest: Manifest): AsyncGenerator<PackLine> {
  for await (const text of readPackList(reader, manifest)) yield parsePackLine(text);
}

/** The blobs of each pack, in their order. */
async function placesByPack(list: Uint8Array): Promise<Map<string, BlobPlace[]>> {
  const places = new Map<string, BlobPlace[]>();
  for await (const text of linesOf(only(list))) {
    const place = parseBlobPlace(text);
    const others = places.get(place.pack);
    if (others) others.push(place);
    else places.set(place.pack, [place]);
  }
  for (const group of places.values()) group.sort((a, b) => a.start - b.start || a.length - b.length);
  return places;
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function openArchive(path: string): Promise<RandomReader & { close(): Promise<void> }> {
  try {
    // A pipe or a device would wait for ever, and a folder is no archive.
    const file = await open(path, "r");
    const isFile = (await file.stat()).isFile();
    await file.close();
    if (!isFile) throw new Error("it is no file");
    return await openFileReader(path);
  } catch (error) {
    throw new BackupError("missing", `The archive ${path} cannot be read: ${(error as Error).message}.`);
  }
}

function damaged(): BackupError {
  return new BackupError(
    "damaged",
    "What is in the archive is not what it says of itself. Use another backup.",
  );
}
