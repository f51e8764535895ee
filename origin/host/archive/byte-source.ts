import type { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";

import { ArchiveError } from "./archive-error.ts";

/** Large enough for the disk, small enough that work on one piece blocks nobody. */
export const pieceBytes = 64 * 1024;

/** Bytes that are asked for by number, one reader at a time. */
export interface ByteSource {
  /** Bytes given out so far, less what was given back. */
  readonly position: number;
  /** The next bytes, at most `most` and at most 64 KiB; undefined at the end. */
  some(most?: number): Promise<Buffer | undefined>;
  /** Exactly so many bytes; throws ArchiveError "truncated" when there are fewer. */
  exactly(count: number): Promise<Buffer>;
  /** Puts bytes that were read back in front. */
  giveBack(bytes: Buffer): void;
  /** Ends what the bytes come from. */
  close(): Promise<void>;
}

export function createByteSource(input: AsyncIterable<Uint8Array>): ByteSource {
  const iterator = input[Symbol.asyncIterator]();
  let pending: Buffer = Buffer.alloc(0);
  let position = 0;
  let reads = 0;

  const some = async (most = pieceBytes): Promise<Buffer | undefined> => {
    // A source that has everything at hand never waits, and would keep everybody else waiting.
    if (++reads % 128 === 0) await setImmediate();
    while (pending.length === 0) {
      const next = await iterator.next();
      if (next.done === true) return undefined;
      pending = asBuffer(next.value);
    }
    const piece = pending.subarray(0, Math.min(most, pieceBytes));
    pending = pending.subarray(piece.length);
    position += piece.length;
    return piece;
  };

  return {
    get position() {
      return position;
    },
    some,
    async exactly(count) {
      const pieces: Buffer[] = [];
      let missing = count;
      while (missing > 0) {
        const piece = await some(missing);
        if (!piece) throw new ArchiveError("truncated");
        pieces.push(piece);
        missing -= piece.length;
      }
      const [first] = pieces;
      return pieces.length === 1 && first ? first : Buffer.concat(pieces);
    },
    giveBack(bytes) {
      pending = pending.length === 0 ? bytes : Buffer.concat([bytes, pending]);
      position -= bytes.length;
    },
    async close() {
      await iterator.return?.();
    },
  };
}

function asBuffer(chunk: unknown): Buffer {
  if (!(chunk instanceof Uint8Array)) throw new TypeError("An archive is read from a stream of bytes.");
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** Resolves when the destroyed stream has let go of what it reads from, however it ended. */
export async function closed(stream: Readable): Promise<void> {
  if (!stream.closed) await new Promise<void>((done) => stream.once("close", done));
}
