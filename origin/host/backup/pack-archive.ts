import { createHash, type KeyObject } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { createArchiveWriter } from "../archive/archive.ts";
import type { Age } from "./age.ts";
import { chunkBytes, closingBytes, openingBytes } from "./envelope.ts";
import { givingBack } from "./give-back.ts";
import {
  hashFile,
  openFileReader,
  pieceBytes,
  readFilePieces,
  readPieces,
  writeNewFile,
} from "./file-reader.ts";
import { type ContentFile, type Contents, type Manifest, manifestFormat } from "./manifest.ts";

export interface PackJob {
  /** The archive to write: a new file. */
  readonly out: string;
  /** Where each is read, and its path from the data folder. Small ones and snapshots: none changes meanwhile. */
  readonly files: readonly { readonly path: string; readonly file: string }[];
  /** The two lists: of the packs in clear text, and of the blobs in them for inside. */
  readonly packList: string;
  readonly placeList: string;
  readonly packFolder: string | null;
  readonly packs: { readonly count: number; readonly bytes: number };
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

/** Writes a whole archive in one pass: tar → zstd → age → file, then the list of packs and the signed manifest. */
export async function packArchive(
  job: PackJob,
  age: Age,
  onBytes: (done: number) => void,
): Promise<PackedArchive> {
  const tar = new PassThrough();
  const filled = fillTar(job, tar, onBytes).catch((error: unknown) => {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  const payload = { bytes: 0, chunkBytes, chunks: "" };
  const list = await hashFile(job.packList);
  let closing: Uint8Array = new Uint8Array();

  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield openingBytes();
    const hashes = createChunkHashes();
    for await (const piece of givingBack(age.encrypt(givingBack(tar), job.recipients))) {
      payload.bytes += piece.byteLength;
      hashes.update(piece);
      yield piece;
    }
    payload.chunks = hashes.finish();
    await filled;
    const reader = await openFileReader(job.packList);
    try {
      yield* readPieces(reader);
    } finally {
      await reader.close();
    }
    const manifest: Manifest = {
      format: manifestFormat,
      ...job.manifest,
      payload,
      packs: { ...job.packs, listBytes: list.bytes, listHash: list.hash },
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
  const writer = createArchiveWriter("tar.zst", tar);
  const files: ContentFile[] = [];
  const buffer = Buffer.allocUnsafeSlow(pieceBytes);
  let done = 0;
  const add = async (path: string, file: string): Promise<void> => {
    const hash = createHash("sha256");
    const { size } = await stat(file);
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of readFilePieces(file, buffer)) {
        hash.update(piece);
        done += piece.byteLength;
        onBytes(done);
        yield piece;
      }
    };
    await writer.addFile(`data/${path}`, counted(), size, { mtime: new Date(job.manifest.createdAt) });
    files.push({ path, bytes: size, hash: hash.digest("hex") });
  };
  for (const { path, file } of job.files) await add(path, file);
  const contents: Contents = { format: manifestFormat, files, packFolder: job.packFolder };
  const text = Buffer.from(JSON.stringify(contents), "utf8");
  await writer.addFile("contents.json", text, text.length, { mtime: new Date(job.manifest.createdAt) });
  const places = await readFile(job.placeList);
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
