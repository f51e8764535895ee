import type { FileHandle } from "node:fs/promises";
import { BlobTooLargeError } from "../../../storage/blobs.ts";
import { openBody, UploadBrokenError } from "./upload-body.ts";

/**
 * Writes a body to a file from `offset` on, as it comes, and answers the new offset once all is on disk. What came of a
 * body that breaks off, or is called off by `signal`, stays, and UploadBrokenError is thrown. Of one that has more than
 * `most` bytes nothing stays: BlobTooLargeError.
 */
export async function appendBody(
  file: FileHandle,
  body: ReadableStream<Uint8Array> | null,
  options: { readonly offset: number; readonly most: number; readonly signal: AbortSignal },
): Promise<number> {
  const { offset, most, signal } = options;
  const reader = openBody(body);
  let position = offset;
  // A read that nobody answers ends by this alone.
  const stop = (): void => reader.cancel();
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (let part = await reader.read(); part; part = await reader.read()) {
      if (position + part.byteLength > offset + most) {
        await file.truncate(offset);
        throw new BlobTooLargeError("The body is longer than what the upload lacks.");
      }
      await writeWhole(file, part, position);
      position += part.byteLength;
    }
    if (signal.aborted) throw new UploadBrokenError("The upload was called off.");
  } finally {
    await reader.finish();
    signal.removeEventListener("abort", stop);
    await file.sync();
  }
  return position;
}

async function writeWhole(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < chunk.byteLength) {
    const left = chunk.byteLength - written;
    written += (await file.write(chunk, written, left, position + written)).bytesWritten;
  }
}
