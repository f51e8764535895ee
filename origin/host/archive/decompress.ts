import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  constants,
  crc32,
  createInflateRaw,
  createZstdDecompress,
  type InflateRaw,
  type ZstdDecompress,
} from "node:zlib";

import { ArchiveError } from "./archive-error.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import { type ByteSource, closed, pieceBytes } from "./byte-source.ts";

const mostFrames = 1000;

type Decoder = InflateRaw | ZstdDecompress;

/** A raw deflate stream, as in gzip and zip. What follows it is still in the source afterwards. */
export function inflate(source: ByteSource, limits: ArchiveLimits): AsyncGenerator<Buffer, void, void> {
  return decodeOne(source, createInflateRaw({ chunkSize: pieceBytes }), limits);
}

/**
 * RFC 1952, by hand around raw deflate: node's gunzip goes on into a second member and drops whatever else
 * follows, so that two programs may see two different contents in one file. Here one member is the whole file.
 */
export async function* gunzip(source: ByteSource, limits: ArchiveLimits): AsyncGenerator<Buffer, void, void> {
  await skipGzipHeader(source);
  let sum = 0;
  let size = 0;
  for await (const piece of inflate(source, limits)) {
    sum = crc32(piece, sum);
    size += piece.length;
    yield piece;
  }
  const trailer = await source.exactly(8);
  if (trailer.readUInt32LE(0) !== sum || trailer.readUInt32LE(4) !== size % 2 ** 32) {
    throw new ArchiveError("checksum");
  }
  if (await source.some(1)) throw new ArchiveError("trailing-data");
}

/**
 * RFC 8878. Its §2 makes concatenated frames one content for every decoder (node's own compressor closes with an
 * empty one); frames to skip would hide bytes. §3.1.1.1.2 asks for windows of 8 MiB; larger ones cost memory.
 */
export async function* unzstd(source: ByteSource, limits: ArchiveLimits): AsyncGenerator<Buffer, void, void> {
  for (let frames = 0; ; frames++) {
    const first = await source.some(1);
    if (!first) return;
    source.giveBack(first);
    const start = await source.exactly(4);
    source.giveBack(start);
    if (start.readUInt32LE(0) !== 0xfd2fb528) throw new ArchiveError("trailing-data");
    // Each frame costs a decoder, however little is in it.
    if (frames === mostFrames) throw new ArchiveError("unsupported");
    const decoder = createZstdDecompress({
      chunkSize: pieceBytes,
      params: { [constants.ZSTD_d_windowLogMax]: 23 },
    });
    yield* decodeOne(source, decoder, limits);
  }
}

/** Decodes until the decoder says that its stream is over, and gives back to the source what comes after. */
async function* decodeOne(
  source: ByteSource,
  decoder: Decoder,
  limits: ArchiveLimits,
): AsyncGenerator<Buffer, void, void> {
  const start = source.position;
  /** What was fed and not yet taken in: at the end this is what follows the stream. */
  const held: { readonly piece: Buffer; readonly end: number }[] = [];
  let failure: unknown;
  const take = async (): Promise<Buffer | undefined> => {
    try {
      return await source.some();
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  const feed = async function* (): AsyncGenerator<Buffer, void, void> {
    for (let piece = await take(); piece; piece = await take()) {
      while (held[0] && held[0].end <= decoder.bytesWritten) held.shift();
      held.push({ piece, end: source.position - start });
      yield piece;
    }
  };
  const feeder = Readable.from(feed());
  // A failure of either is heard where the decoder is read; later ones are nobody's.
  feeder.on("error", () => undefined);
  decoder.on("error", () => undefined);
  const feeding = pipeline(feeder, decoder).catch(() => undefined);
  try {
    let unpacked = 0;
    for await (const piece of decoder as AsyncIterable<Buffer>) {
      unpacked += piece.length;
      // Ends a bomb while it is still small: few real files grow as much.
      if (unpacked > limits.ratioFrom && unpacked > decoder.bytesWritten * limits.ratio) {
        throw new ArchiveError("ratio");
      }
      yield piece;
    }
  } catch (error) {
    throw asArchiveError(failure ?? error);
  } finally {
    decoder.destroy();
    feeder.destroy();
    await feeding;
    // The feeder may still be waiting for its next piece: nobody else may read the source before it has it.
    await closed(feeder);
  }
  if (failure !== undefined) throw asArchiveError(failure);
  const consumed = decoder.bytesWritten;
  const rest = held.map(({ piece, end }) => piece.subarray(Math.max(0, piece.length - (end - consumed))));
  source.giveBack(Buffer.concat(rest));
}

/** What zlib and zstd throw, in the archive's terms. */
function asArchiveError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "Z_BUF_ERROR") return new ArchiveError("truncated", undefined, { cause: error });
  if (code === "ZSTD_error_frameParameter_windowTooLarge")
    return new ArchiveError("unsupported", undefined, { cause: error });
  if (code === "ZSTD_error_checksum_wrong") return new ArchiveError("checksum", undefined, { cause: error });
  if (code.startsWith("Z_") || code.startsWith("ZSTD_"))
    return new ArchiveError("damaged", undefined, { cause: error });
  return error;
}

/** RFC 1952 §2.3. */
async function skipGzipHeader(source: ByteSource): Promise<void> {
  const header = await source.exactly(10);
  const flags = header[3] ?? 0;
  if (header.readUInt16BE(0) !== 0x1f8b || header[2] !== 8) throw new ArchiveError("damaged");
  if ((flags & 0xe0) !== 0) throw new ArchiveError("unsupported");
  if (flags & 4) await source.exactly((await source.exactly(2)).readUInt16LE(0));
  if (flags & 8) await skipString(source);
  if (flags & 16) await skipString(source);
  if (flags & 2) await source.exactly(2);
}

async function skipString(source: ByteSource): Promise<void> {
  for (let length = 0; length < 4096; length++) {
    if ((await source.exactly(1))[0] === 0) return;
  }
  throw new ArchiveError("damaged");
}
