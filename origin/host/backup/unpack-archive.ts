import { createHash, type KeyObject } from "node:crypto";
import { mkdir, open, readFile, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { Readable } from "node:stream";
import { ArchiveError, extractArchive, ownBackup, readArchive } from "../archive/archive.ts";
import { type Age, ageFor, type OpeningIdentity } from "./age.ts";
import { BackupError, missingBlobs } from "./backup-error.ts";
import { linesOf, type RandomReader, readBlobList, readManifest, readPayload } from "./envelope.ts";
import { flushPath, hashFile, openFileReader } from "./file-reader.ts";
import { inParallel } from "./in-parallel.ts";
import {
  type Contents,
  type Manifest,
  manifestFormat,
  parseBlobLine,
  type BlobLine,
  type BlobPlace,
  parseBlobPlace,
} from "./manifest.ts";
import { blobPath } from "./target.ts";

/** One is decrypted while others are hashed and flushed. */
const atOnce = 3;

export interface VerifiedArchive {
  readonly manifest: Manifest;
  readonly manifestHash: string;
  /** Encrypted blobs that are in none of the folders; at most 20. */
  readonly missing: readonly string[];
  readonly missingCount: number;
}

/**
 * Compares every byte of an archive, and of the encrypted blobs that belong to it, with what was signed. Needs no
 * identity: nothing is decrypted. A blob that is not there is reported, a changed one is an error. Throws BackupError.
 */
export async function verifyArchive(
  path: string,
  verifyKey: KeyObject,
  blobFolders: readonly string[],
  onBytes: (done: number, total: number) => void,
): Promise<VerifiedArchive> {
  const reader = await openArchive(path);
  try {
    const { manifest, hash } = await readManifest(reader, verifyKey);
    const total = manifest.payload.bytes + manifest.blobs.bytes;
    let done = 0;
    for await (const chunk of readPayload(reader, manifest)) {
      done += chunk.byteLength;
      onBytes(done, total);
    }
    const missing: string[] = [];
    let missingCount = 0;
    for await (const text of readBlobList(reader, manifest)) {
      const line = parseBlobLine(text);
      const file = await findBlob(line, manifest, blobFolders);
      if (file === undefined) {
        missingCount += 1;
        if (missing.length < 20) missing.push(line.cipherHash);
        continue;
      }
      const found = await hashFile(file);
      if (found.bytes !== line.bytes || found.hash !== line.cipherHash) throw changedBlob(file);
      done += found.bytes;
      onBytes(done, total);
    }
    return { manifest, manifestHash: hash, missing, missingCount };
  } finally {
    await reader.close();
  }
}

export interface UnpackJob {
  readonly archive: string;
  readonly verifyKey: KeyObject;
  readonly identity: OpeningIdentity;
  readonly blobFolders: readonly string[];
  /** Where to unpack: absent or empty. Undefined: everything is read and compared, and nothing written. */
  readonly destination?: string;
  /** False: the identity is of the archive alone, and the blobs beside it stay as they are. */
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
    const total = manifest.payload.bytes + manifest.blobs.bytes;
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
    const folders = [...job.blobFolders, ...(contents.blobFolder === null ? [] : [contents.blobFolder])];
    const blobs = await unpackBlobs({ ...job, blobFolders: folders }, age, reader, manifest, places, (done) =>
      onBytes(manifest.payload.bytes + done, total),
    );
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
    { format: "tar" },
  );
  const contents = parseContents(small.get("contents.json"));
  checkFiles(contents, found);
  return { contents, places: small.get("blobs.txt") ?? new Uint8Array(), bytes };
}

/** Unpacks, and compares what is on disk afterwards. */
async function extract(plain: Readable, destination: string): Promise<Unpacked> {
  const { bytes } = await extractArchive(plain, destination, ownBackup, { format: "tar" });
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

async function unpackBlobs(
  job: UnpackJob,
  age: Age,
  reader: RandomReader,
  manifest: Manifest,
  places: Uint8Array,
  onBytes: (done: number) => void,
): Promise<{ count: number; bytes: number }> {
  const found = { count: 0, bytes: 0 };
  let done = 0;
  await inParallel(pairs(readBlobList(reader, manifest), places), atOnce, async ({ line, place }) => {
    const source = await findBlob(line, manifest, job.blobFolders);
    if (source === undefined) throw missingBlobs(1, manifest.blobs.count);
    // Compared as a whole before age reads its first byte.
    const encrypted = await hashFile(source);
    if (encrypted.bytes !== line.bytes || encrypted.hash !== line.cipherHash) throw changedBlob(source);
    if (job.destination !== undefined) {
      const out = join(job.destination, "data", place.path);
      await mkdir(dirname(out), { recursive: true, mode: 0o700 });
      await ageFor(age, line.bytes).decryptFile(source, out, job.identity);
      await flushPath(out);
      const plain = await hashFile(out);
      if (plain.hash !== place.hash) throw damaged();
      found.bytes += plain.bytes;
    }
    found.count += 1;
    done += line.bytes;
    onBytes(done);
  });
  return found;
}

/** The two lists side by side. */
async function* pairs(
  lines: AsyncGenerator<string>,
  places: Uint8Array,
): AsyncGenerator<{ line: BlobLine; place: BlobPlace }> {
  for await (const text of linesOf(only(places))) {
    const place = parseBlobPlace(text);
    const next = await lines.next();
    if (next.done) throw damaged();
    const line = parseBlobLine(next.value);
    if (line.cipherHash !== place.cipherHash) throw damaged();
    yield { line, place };
  }
  if (!(await lines.next()).done) throw damaged();
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function findBlob(
  line: BlobLine,
  manifest: Manifest,
  folders: readonly string[],
): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, blobPath(manifest.instance, line.cipherHash));
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return path;
  }
  return undefined;
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

function changedBlob(path: string): BackupError {
  return new BackupError("tampered", `The file ${path} was changed. Nothing of the backup was used.`);
}

function damaged(): BackupError {
  return new BackupError(
    "damaged",
    "What is in the archive is not what it says of itself. Use another backup.",
  );
}
