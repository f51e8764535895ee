import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setImmediate as turn } from "node:timers/promises";
import type { RandomReader } from "./envelope.ts";

/** A local file as a RandomReader. Throws what node:fs throws. */
export async function openFileReader(path: string): Promise<RandomReader & { close(): Promise<void> }> {
  const file = await open(path, "r");
  const { size } = await file.stat();
  return { size, read: (offset, length) => readExactly(file, offset, length), close: () => file.close() };
}

async function readExactly(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

export const pieceBytes = 256 * 1024;

/** What a reader has, piece by piece. */
export async function* readPieces(reader: RandomReader): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < reader.size; ) {
    const piece = await reader.read(offset, Math.min(pieceBytes, reader.size - offset));
    if (piece.byteLength === 0) return;
    offset += piece.byteLength;
    yield piece;
  }
}

/** Of a thread that may wait for the disk: reads without a turn of the event loop for each are twice as fast. */
const piecesATurn = 16;

/**
 * A file's pieces, all in the one buffer: fresh ones would pile up faster than they are collected. Each is good until
 * the next is asked for. For the worker: it blocks its thread for some milliseconds at a time.
 */
export async function* readFilePieces(path: string, buffer: Buffer): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r");
  try {
    for (let position = 0, piece = 1; ; piece += 1) {
      const length = readSync(file.fd, buffer, 0, buffer.length, position);
      if (length === 0) return;
      position += length;
      yield buffer.subarray(0, length);
      if (piece % piecesATurn === 0) await turn();
    }
  } finally {
    await file.close();
  }
}

/** SHA-256 (hex) and size of a file. For the worker. */
export async function hashFile(path: string): Promise<{ hash: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of readFilePieces(path, Buffer.allocUnsafeSlow(pieceBytes))) {
    hash.update(piece);
    bytes += piece.byteLength;
  }
  return { hash: hash.digest("hex"), bytes };
}

/** Writes the pieces to a new file of mode 0600; they are on disk when it resolves. */
export async function writeNewFile(path: string, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, "wx", 0o600);
  let bytes = 0;
  try {
    for await (const piece of pieces) {
      await writeWhole(file, piece);
      bytes += piece.byteLength;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return bytes;
}

/** A write may take less than it is given. */
export async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    done += (await file.write(bytes, done, bytes.byteLength - done)).bytesWritten;
  }
}

/** A file, or a folder: new names in it survive a power cut only when the folder itself is flushed. */
export async function flushPath(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
