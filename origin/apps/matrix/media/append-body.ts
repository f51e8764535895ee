import type { FileHandle } from "node:fs/promises";
import { BlobTooLargeError } from "../../../storage/blobs.ts";
import { UploadBrokenError } from "./upload-body.ts";

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
  let position = offset;
  const reader = body?.getReader();
  // A read that nobody answers ends by this alone.
  const stop = (): void => void reader?.cancel().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (;;) {
      const part = await reader?.read().catch((error: unknown) => {
        throw new UploadBrokenError("The upload broke off.", { cause: error });
      });
      if (signal.aborted) throw new UploadBrokenError("The upload was called off.");
      if (!part || part.done) break;
      if (position + part.value.byteLength > offset + most) {
        stop();
        await file.truncate(offset);
        throw new BlobTooLargeError("The body is longer than what the upload lacks.");
      }
      await writeWhole(file, part.value, position);
      position += part.value.byteLength;
    }
  } finally {
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
