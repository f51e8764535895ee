import { createHash, randomBytes } from "node:crypto";
import { createReadStream, mkdirSync, readdirSync, rmSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";

export interface StoredBlob {
  /** SHA-256 of the content, lower-case hex: its name. */
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
}

/** Part of a blob, both ends included, as in an HTTP Range. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Content-addressed files: the same bytes are kept once, a name never changes its content. */
export interface BlobStore {
  /**
   * Stores the bytes and answers once they are on disk. Throws BlobTooLargeError past `limit` bytes, having
   * kept nothing; a source that fails throws its own error.
   */
  put(source: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredBlob>;
  /** Takes a file of the same file system as it is: nothing is copied, and the file is gone from where it was. */
  adopt(file: string, options?: KeepOptions): Promise<StoredBlob>;
  /** Undefined when there is no such blob. */
  open(
    hash: string,
    range?: ByteRange,
  ): Promise<{ readonly size: number; readonly stream: Readable } | undefined>;
  has(hash: string): Promise<boolean>;
  /** Bytes, or undefined when there is no such blob. */
  size(hash: string): Promise<number | undefined>;
  /** Whether there was one. */
  delete(hash: string): Promise<boolean>;
  /** The path of a blob, for a process that reads it by itself. */
  pathOf(hash: string): string;
  /** Every blob's name, a folder's at a time. For what happens rarely: it reads every folder. */
  names(): AsyncGenerator<string>;
}

export interface KeepOptions {
  /**
   * Awaited when the content is complete and does not have its name yet. Whoever notes the name on disk here can find,
   * after a crash, every blob that nobody came to need.
   */
  readonly before?: (blob: StoredBlob) => Promise<void>;
}

export interface PutOptions extends KeepOptions {
  /** Bytes. */
  readonly limit: number;
}

export class BlobTooLargeError extends Error {
  override name = "BlobTooLargeError";
}

const hashPattern = /^[0-9a-f]{64}$/;

/** Opens the store in `folder` (made where absent) and removes what a crash left half-written. */
export function openBlobStore(folder: string): BlobStore {
  const incoming = join(folder, "incoming");
  mkdirSync(incoming, { recursive: true, mode: 0o700 });
  for (const left of readdirSync(incoming)) rmSync(join(incoming, left), { force: true, recursive: true });

  const sizeOf = async (hash: string): Promise<number | undefined> => {
    if (!hashPattern.test(hash)) return undefined;
    try {
      return (await stat(pathOf(folder, hash))).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };

  /** Gives a complete file its name. */
  async function name(file: string, blob: StoredBlob, { before }: KeepOptions): Promise<void> {
    await before?.(blob);
    if ((await sizeOf(blob.hash)) === blob.size) {
      await rm(file);
      return;
    }
    const final = pathOf(folder, blob.hash);
    const parent = join(final, "..");
    await mkdir(parent, { recursive: true, mode: 0o700 });
    // Never link(): Android refuses hard links. A rename replaces a file of the same content, which is harmless.
    await rename(file, final);
    await flushFolder(parent);
  }

  return {
    async put(source, options) {
      const temporary = join(incoming, randomBytes(12).toString("hex"));
      const file = await open(temporary, "wx", 0o600);
      try {
        const stored = await fill(file, source, options.limit);
        await name(temporary, stored, options);
        return stored;
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
    async adopt(path, options = {}) {
      const stored = await flushAndHash(path);
      await name(path, stored, options);
      return stored;
    },
    async open(hash, range) {
      if (!hashPattern.test(hash)) return undefined;
      const file = await openToRead(pathOf(folder, hash));
      if (!file) return undefined;
      const { size } = await file.stat();
      // Small pieces: a reader that stands still holds two of them.
      return { size, stream: createReadStream("", { fd: file, highWaterMark: 64 * 1024, ...range }) };
    },
    has: async (hash) => (await sizeOf(hash)) !== undefined,
    size: sizeOf,
    async delete(hash) {
      if (!hashPattern.test(hash)) return false;
      try {
        await rm(pathOf(folder, hash));
        return true;
      } catch (error) {
        if (isMissing(error)) return false;
        throw error;
      }
    },
    pathOf: (hash) => pathOf(folder, hash),
    async *names() {
      for (const first of await foldersOf(folder)) {
        for (const second of await foldersOf(join(folder, first))) {
          for (const found of await readdir(join(folder, first, second))) {
            if (hashPattern.test(found)) yield found;
          }
        }
      }
    },
  };
}

/** The folders among which blobs are spread, by two digits each. */
async function foldersOf(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((entry) => /^[0-9a-f]{2}$/.test(entry));
}

async function openToRead(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function flushAndHash(path: string): Promise<StoredBlob> {
  const hash = createHash("sha256");
  let size = 0;
  const file = await open(path, "r+");
  try {
    await file.sync();
    const stream = file.createReadStream({ autoClose: false, start: 0, highWaterMark: 256 * 1024 });
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      size += chunk.byteLength;
    }
  } finally {
    await file.close();
  }
  return { hash: hash.digest("hex"), size };
}

/** Writes all of the source, to the disk itself, and closes the file. */
async function fill(
  file: FileHandle,
  source: Uint8Array | AsyncIterable<Uint8Array>,
  limit: number,
): Promise<StoredBlob> {
  const hash = createHash("sha256");
  let size = 0;
  try {
    for await (const chunk of source instanceof Uint8Array ? [source] : source) {
      size += chunk.byteLength;
      if (size > limit) throw new BlobTooLargeError(`The content is larger than ${limit} bytes.`);
      hash.update(chunk);
      await writeWhole(file, chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { hash: hash.digest("hex"), size };
}

async function writeWhole(file: FileHandle, chunk: Uint8Array): Promise<void> {
  let written = 0;
  while (written < chunk.byteLength) {
    written += (await file.write(chunk, written, chunk.byteLength - written)).bytesWritten;
  }
}

/** The new name itself must survive a power cut, not only the bytes. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function pathOf(folder: string, hash: string): string {
  return join(folder, hash.slice(0, 2), hash.slice(2, 4), hash);
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
