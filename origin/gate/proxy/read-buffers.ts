import type { OnReadOpts } from "node:net";

/**
 * Memory that the kernel reads into, used again as soon as what was read has been written on. Node makes 64 KiB anew
 * for each read, which a collector then has to find: of a gigabyte that costs more than both copies of the kernel's,
 * for no byte is still in the processor's cache when it is written (docs/performance.md).
 */
export interface ReadBuffers {
  /** For one connection: what node is to read into. `push` gets what was read. */
  reader(push: (chunk: Buffer) => boolean): { onread: OnReadOpts; close(): void };
  /**
   * What to call when this chunk has been written: then its memory is used again. Undefined unless the chunk is one
   * whole read, of which nobody else can hold a part.
   */
  release(chunk: Buffer): (() => void) | undefined;
}

const bufferBytes = 262_144;
/** A smaller read is copied, and its buffer is free at once. */
const smallBytes = 16_384;
/** 4 MiB: of more than these few answers at a time are large. */
const mostFree = 16;

export function createReadBuffers(): ReadBuffers {
  const free: Buffer[] = [];
  /** Bytes of the last read into it. */
  const filled = new WeakMap<ArrayBufferLike, number>();

  function give(buffer: Buffer): void {
    if (free.length < mostFree) free.push(buffer);
  }

  return {
    reader(push) {
      let current: Buffer | undefined;
      return {
        onread: {
          buffer: () => (current ??= free.pop() ?? Buffer.allocUnsafeSlow(bufferBytes)),
          callback(bytes, buffer) {
            const read = Buffer.from(buffer.buffer, buffer.byteOffset, bytes);
            if (bytes < smallBytes) return push(Buffer.from(read));
            // Whoever gets it now may keep it: it comes back by `release`, or is left to the collector.
            current = undefined;
            filled.set(buffer.buffer, bytes);
            return push(read);
          },
        },
        close() {
          if (current) give(current);
          current = undefined;
        },
      };
    },
    release(chunk) {
      const { buffer, byteOffset, byteLength } = chunk;
      if (byteOffset !== 0 || filled.get(buffer) !== byteLength) return undefined;
      filled.delete(buffer);
      return () => give(Buffer.from(buffer));
    },
  };
}
