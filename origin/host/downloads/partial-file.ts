import { createHash, type Hash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { type FileHandle, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** What is known about the bytes that are there: of which resource they are the beginning. */
interface Origin {
  readonly url: string;
  readonly sha256: string;
  /** A strong ETag or a Last-Modified, as `If-Range` takes it (RFC 9110 §13.1.5). */
  readonly validator: string;
}

/** The beginning of a download, beside the file that it will become. */
export interface PartialFile {
  readonly size: number;
  /** Of the bytes that are there; undefined: a server that changes the file meanwhile could not tell. */
  readonly validator: string | undefined;
  /** Begins anew, with what the next bytes are of. */
  restart(validator: string | undefined): Promise<void>;
  append(chunk: Uint8Array): Promise<void>;
  /** SHA-256 of all bytes, in hexadecimal. */
  digest(): string;
  /** Puts the whole file in its place; on the disk before it has its name. */
  finish(mode: number): Promise<void>;
  /** Leaves for another time what can be continued, and nothing else. */
  leave(): Promise<void>;
  remove(): Promise<void>;
}

/** Opens `<target>.partial`, empty unless it is the beginning of the same resource. */
export async function openPartialFile(
  target: string,
  wanted: { url: string; sha256: string },
): Promise<PartialFile> {
  const path = `${target}.partial`;
  const notePath = `${path}.json`;
  const known = await readNote(notePath);
  let validator = known?.url === wanted.url && known.sha256 === wanted.sha256 ? known.validator : undefined;
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  const file = await open(path, validator === undefined ? flags | constants.O_TRUNC : flags, 0o600);
  let hash = createHash("sha256");
  let size = 0;
  try {
    size = await hashInto(hash, file);
  } catch (error) {
    await file.close();
    throw error;
  }

  async function remove(): Promise<void> {
    await file.close();
    await rm(path, { force: true });
    await rm(notePath, { force: true });
  }

  return {
    get size() {
      return size;
    },
    get validator() {
      return validator;
    },
    async restart(next) {
      // First the note: bytes of one version must never stand under the validator of another.
      await rm(notePath, { force: true });
      await file.truncate(0);
      hash = createHash("sha256");
      size = 0;
      validator = next;
      if (next !== undefined) await writeNote(notePath, { ...wanted, validator: next });
    },
    async append(chunk) {
      let written = 0;
      while (written < chunk.byteLength) {
        written += (await file.write(chunk, written, chunk.byteLength - written, size + written))
          .bytesWritten;
      }
      hash.update(chunk);
      size += chunk.byteLength;
    },
    digest: () => hash.copy().digest("hex"),
    async finish(mode) {
      await file.chmod(mode);
      await file.sync();
      await file.close();
      await rename(path, target);
      await rm(notePath, { force: true });
      await syncFolder(dirname(target));
    },
    async leave() {
      if (validator === undefined || size === 0) return await remove();
      await file.close();
    },
    remove,
  };
}

/** SHA-256 of a file in hexadecimal; undefined where there is no such file. */
export async function hashFile(path: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return hash.digest("hex");
}

/** After this a rename in the folder outlives a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function hashInto(hash: Hash, file: FileHandle): Promise<number> {
  let size = 0;
  for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) {
    hash.update(chunk as Uint8Array);
    size += (chunk as Uint8Array).byteLength;
  }
  return size;
}

async function readNote(path: string): Promise<Origin | undefined> {
  try {
    const note = JSON.parse(await readFile(path, "utf8")) as Partial<Origin> | null;
    const isWhole = [note?.url, note?.sha256, note?.validator].every((part) => typeof part === "string");
    return isWhole ? (note as Origin) : undefined;
  } catch {
    // None, or one that a power cut left half: the bytes are worth nothing without it.
    return undefined;
  }
}

async function writeNote(path: string, note: Origin): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(note), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
