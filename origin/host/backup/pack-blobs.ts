import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import type { Age } from "./age.ts";
import { flushPath, hashFile, pieceBytes, readFilePieces } from "./file-reader.ts";

export interface PackBlobsJob {
  /** In the order in which they go in. `hash`: SHA-256 of the content, hex. */
  readonly blobs: readonly { readonly source: string; readonly hash: string }[];
  readonly out: string;
  readonly recipients: readonly string[];
}

export interface PackedBlobs {
  /** Of the encrypted file: size, and SHA-256 in hex. Both null when none of the blobs could be read. */
  readonly pack: { readonly bytes: number; readonly hash: string } | null;
  /** By the place in the job: where its content lies in the decrypted pack. */
  readonly stored: readonly { readonly at: number; readonly start: number; readonly length: number }[];
  /** Those whose content is not what their name says, or cannot be read. */
  readonly damaged: readonly number[];
}

/**
 * Encrypts several blobs as one file, one after another. A blob that is gone is in neither list: nobody can read it any
 * more. What was read of a damaged one stays in the pack, and nothing names it.
 */
export async function packBlobs(job: PackBlobsJob, age: Age): Promise<PackedBlobs> {
  const stored: { at: number; start: number; length: number }[] = [];
  const damaged: number[] = [];
  const buffer = Buffer.allocUnsafeSlow(pieceBytes);
  let position = 0;

  async function* contents(): AsyncGenerator<Uint8Array> {
    for (const [at, { source, hash }] of job.blobs.entries()) {
      const start = position;
      const actual = createHash("sha256");
      try {
        for await (const piece of readFilePieces(source, buffer)) {
          actual.update(piece);
          position += piece.byteLength;
          yield piece;
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT" && position === start) continue;
        if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      }
      if (actual.digest("hex") === hash) stored.push({ at, start, length: position - start });
      else damaged.push(at);
    }
  }

  await age.encryptToFile(contents(), job.out, job.recipients);
  if (stored.length === 0) {
    await rm(job.out);
    return { pack: null, stored, damaged };
  }
  await flushPath(job.out);
  return { pack: await hashFile(job.out), stored, damaged };
}
