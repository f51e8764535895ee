/** Less than this is not worth it. */
const leastBytes = 16_384;

/**
 * For `write`: gives a chunk's memory back at once when it has been written, instead of leaving it to the collector.
 * Node makes 64 KiB anew for each read; of a gigabyte, finding them all costs more than both copies of the kernel's,
 * and no byte is in the processor's cache any more when it is written (docs/performance.md).
 *
 * Only for a chunk that nobody else holds or will look at again. Undefined unless it is one whole read: of a part of
 * one somebody may still need the rest.
 */
export function freeWritten(chunk: Uint8Array): ((error?: Error | null) => void) | undefined {
  const { buffer, byteLength } = chunk;
  if (byteLength < leastBytes || byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer))
    return undefined;
  return (error) => {
    // Where it failed the system may have the write in hand still.
    if (!error) buffer.transfer(0);
  };
}
