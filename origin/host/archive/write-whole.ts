import type { FileHandle } from "node:fs/promises";

/** A write may take less than it is given; this goes on until all of it is written. */
export async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength) {
    written += (await file.write(bytes, written, bytes.byteLength - written)).bytesWritten;
  }
}
