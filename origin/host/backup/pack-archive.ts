import { createHash, type KeyObject } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { createArchiveWriter } from "../archive/archive.ts";
import type { Age } from "./age.ts";
import { chunkBytes, closingBytes, linesOf, openingBytes } from "./envelope.ts";
import { hashFile, openFileReader, readPieces, writeNewFile } from "./file-reader.ts";
import {
  type ContentFile,
  type Contents,
  type Manifest,
  manifestFormat,
  parseBlobPlace,
} from "./manifest.ts";

export interface PackJob {
  /** The archive to write: a new file. */
  readonly out: string;
  readonly dataDir: string;
  /** Where each is read, and its path from the data folder. Small ones and snapshots: none changes meanwhile. */
  readonly files: readonly { readonly path: string; readonly file: string }[];
  /** The two lists of blobs: in clear text, and the one that belongs inside. */
  readonly blobList: string;
  readonly blobPlaces: string;
  /** Puts the blobs themselves in, too: the archive needs nothing beside it. */
  readonly whole: boolean;
  readonly blobFolder: string | null;
  readonly blobs: { readonly count: number; readonly bytes: number };
  readonly manifest: Pick<
    Manifest,
    "instance" | "serverName" | "sequence" | "createdAt" | "version" | "previous" | "schemas"
  >;
  readonly recipients: readonly string[];
  readonly signingKey: KeyObject;
}

export interface PackedArchive {
  readonly bytes: number;
  /** SHA-256 of the signed manifest, hex. */
  readonly manifestHash: string;
}

/** Writes a whole archive in one pass: tar → age → file, then the list of blobs and the signed manifest. */
export async function packArchive(
  job: PackJob,
  age: Age,
  onBytes: (done: number) => void,
): Promise<PackedArchive> {
  const tar = new PassThrough({ highWaterMark: chunkBytes });
  const filled = fillTar(job, tar, onBytes).catch((error: unknown) => {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  const payload = { bytes: 0, chunkBytes, chunks: "" };
  const list = await hashFile(job.blobList);
  let closing: Uint8Array = new Uint8Array();

  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield openingBytes();
    const hashes = createChunkHashes();
    for await (const piece of age.encrypt(tar, job.recipients)) {
      payload.bytes += piece.byteLength;
      hashes.update(piece);
      yield piece;
    }
    payload.chunks = hashes.finish();
    await filled;
    const reader = await openFileReader(job.blobList);
    try {
      yield* readPieces(reader);
    } finally {
      await reader.close();
    }
    const manifest: Manifest = {
      format: manifestFormat,
      ...job.manifest,
      payload,
      blobs: { ...job.blobs, listBytes: list.bytes, listHash: list.hash, whole: job.whole },
    };
    closing = closingBytes(manifest, job.signingKey);
    yield closing;
  }

  const bytes = await writeNewFile(job.out, pieces());
  // The closing bytes are manifest, signature (64), length (4) and end mark (12).
  const manifestHash = createHash("sha256").update(closing.subarray(0, -80)).digest("hex");
  return { bytes, manifestHash };
}

async function fillTar(job: PackJob, tar: PassThrough, onBytes: (done: number) => void): Promise<void> {
  const writer = createArchiveWriter("tar", tar);
  const files: ContentFile[] = [];
  let done = 0;
  const add = async (path: string, file: string): Promise<void> => {
    const hash = createHash("sha256");
    const { size } = await stat(file);
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of createReadStream(file, {
        highWaterMark: 256 * 1024,
        end: Math.max(size - 1, 0),
      })) {
        hash.update(piece as Uint8Array);
        done += (piece as Uint8Array).byteLength;
        onBytes(done);
        yield piece as Uint8Array;
      }
    };
    await writer.addFile(`data/${path}`, counted(), size, { mtime: new Date(job.manifest.createdAt) });
    files.push({ path, bytes: size, hash: hash.digest("hex") });
  };
  for (const { path, file } of job.files) await add(path, file);
  if (job.whole) {
    const places = await openFileReader(job.blobPlaces);
    try {
      for await (const line of linesOf(readPieces(places))) {
        const { path } = parseBlobPlace(line);
        await add(path, join(job.dataDir, path));
      }
    } finally {
      await places.close();
    }
  }
  const contents: Contents = { format: manifestFormat, files, blobFolder: job.blobFolder };
  const text = Buffer.from(JSON.stringify(contents), "utf8");
  await writer.addFile("contents.json", text, text.length, { mtime: new Date(job.manifest.createdAt) });
  const places = job.whole ? new Uint8Array() : await readFile(job.blobPlaces);
  await writer.addFile("blobs.txt", places, places.byteLength, { mtime: new Date(job.manifest.createdAt) });
  await writer.finish();
}

/** SHA-256 of every `chunkBytes` of what comes by, base64url, one after another. */
function createChunkHashes(): { update(piece: Uint8Array): void; finish(): string } {
  let hash = createHash("sha256");
  let size = 0;
  let hashes = "";
  const close = (): void => {
    hashes += hash.digest("base64url");
    hash = createHash("sha256");
    size = 0;
  };
  return {
    update(piece) {
      let rest = piece;
      while (rest.byteLength > 0) {
        const taken = rest.subarray(0, chunkBytes - size);
        hash.update(taken);
        size += taken.byteLength;
        rest = rest.subarray(taken.byteLength);
        if (size === chunkBytes) close();
      }
    },
    finish() {
      if (size > 0) close();
      return hashes;
    },
  };
}
