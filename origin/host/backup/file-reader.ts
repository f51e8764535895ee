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

const pieceBytes = 256 * 1024;

/** A file's pieces, `onPiece` told of each. */
export async function* readPieces(
  reader: RandomReader,
  onPiece?: (piece: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < reader.size; ) {
    const piece = await reader.read(offset, Math.min(pieceBytes, reader.size - offset));
    if (piece.byteLength === 0) return;
    offset += piece.byteLength;
    onPiece?.(piece);
    yield piece;
  }
}

/** Of a thread that may wait for the disk: reads without a turn of the event loop for each are twice as fast. */
const piecesATurn = 16;

/** SHA-256 (hex) and size of a file. For the worker: it blocks its thread for some milliseconds at a time. */
export async function hashFile(path: string): Promise<{ hash: string; bytes: number }> {
  const file = await open(path, "r");
  const hash = createHash("sha256");
  // One for the whole file: fresh ones would pile up faster than they are collected.
  const buffer = Buffer.allocUnsafeSlow(pieceBytes);
  let bytes = 0;
  try {
    for (let piece = 1; ; piece += 1) {
      const length = readSync(file.fd, buffer, 0, pieceBytes, bytes);
      if (length === 0) break;
      hash.update(buffer.subarray(0, length));
      bytes += length;
      if (piece % piecesATurn === 0) await turn();
    }
  } finally {
    await file.close();
  }
  return { hash: hash.digest("hex"), bytes };
}

/** Writes the pieces to a new file of mode 0600; they are on disk when it resolves. */
export async function writeNewFile(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  onPiece?: (piece: Uint8Array) => void,
): Promise<number> {
  const file = await open(path, "wx", 0o600);
  let bytes = 0;
  try {
    for await (const piece of pieces) {
      for (let done = 0; done < piece.byteLength; ) {
        done += (await file.write(piece, done, piece.byteLength - done)).bytesWritten;
      }
      bytes += piece.byteLength;
      onPiece?.(piece);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return bytes;
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
