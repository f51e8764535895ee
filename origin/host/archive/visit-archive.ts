import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";

import { ArchiveError } from "./archive-error.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import { type ByteSource, createByteSource } from "./byte-source.ts";
import { gunzip, unzstd } from "./decompress.ts";
import { looksLikeTar } from "./tar-header.ts";
import { readTar } from "./tar-reader.ts";
import { readZip } from "./zip-reader.ts";
import { spool } from "./spool.ts";
import { type ArchiveEntry, type RawEntry, visitEntries } from "./visit-entries.ts";

export type ArchiveFormat = "zip" | "tar" | "tar.gz" | "tar.zst";

export interface ReadOptions {
  /** The only format to accept; any of the four when absent. */
  readonly format?: ArchiveFormat;
  readonly signal?: AbortSignal;
  /** Where a zip that comes as a stream is kept while it is read; the system's temporary folder when absent. */
  readonly spoolFolder?: string;
}

/**
 * Goes through an archive from its first entry to its last byte, and holds every rule that is common to the
 * formats. `visit` is called for files and folders, in order, one at a time.
 */
export async function visitArchive(
  source: Readable | string,
  limits: ArchiveLimits,
  options: ReadOptions,
  visit: (entry: ArchiveEntry) => Promise<void>,
): Promise<{ files: number; bytes: number }> {
  const { signal } = options;
  const input = typeof source === "string" ? await openFile(source, limits) : source;
  const stop = () => input.destroy();
  signal?.addEventListener("abort", stop);
  // Whoever waits for the bytes hears of a failure there; without a listener it would end the process too.
  input.on("error", () => undefined);
  try {
    signal?.throwIfAborted();
    const bytes = createByteSource(capped(input, limits));
    const format = await detect(bytes, options.format);
    const file = typeof source === "string" ? source : undefined;
    const entries = entriesOf(format, bytes, file, limits, options);
    return await visitEntries(entries, limits, { signal, stop }, visit);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    input.destroy();
  }
}

async function openFile(path: string, limits: ArchiveLimits): Promise<Readable> {
  const found = await stat(path);
  // Opening a pipe or a device may wait for ever.
  if (!found.isFile()) throw new ArchiveError("unknown-format", path);
  if (found.size > limits.archiveBytes) throw new ArchiveError("archive-too-large");
  return createReadStream(path);
}

async function* capped(input: Readable, limits: ArchiveLimits): AsyncGenerator<Uint8Array, void, void> {
  let total = 0;
  for await (const chunk of input as AsyncIterable<Uint8Array>) {
    total += chunk.byteLength;
    if (total > limits.archiveBytes) throw new ArchiveError("archive-too-large");
    yield chunk;
  }
}

async function detect(bytes: ByteSource, wanted: ArchiveFormat | undefined): Promise<ArchiveFormat> {
  const pieces: Buffer[] = [];
  let length = 0;
  while (length < 512) {
    const piece = await bytes.some(512 - length);
    if (!piece) break;
    pieces.push(piece);
    length += piece.length;
  }
  const head = Buffer.concat(pieces);
  bytes.giveBack(head);
  const format = formatOf(head);
  if (format === undefined) throw new ArchiveError("unknown-format");
  if (wanted !== undefined && wanted !== format) throw new ArchiveError("wrong-format");
  return format;
}

function formatOf(head: Buffer): ArchiveFormat | undefined {
  const start = head.toString("latin1", 0, 4);
  // An empty zip has no entry, and begins with its end record.
  if (start === "PK\x03\x04" || start === "PK\x05\x06") return "zip";
  if (start.startsWith("\x1f\x8b")) return "tar.gz";
  if (start === "\x28\xb5\x2f\xfd") return "tar.zst";
  return looksLikeTar(head) ? "tar" : undefined;
}

function entriesOf(
  format: ArchiveFormat,
  bytes: ByteSource,
  file: string | undefined,
  limits: ArchiveLimits,
  options: ReadOptions,
): AsyncGenerator<RawEntry, void, void> {
  if (format === "tar") return readTar(bytes, limits);
  if (format === "tar.gz") return readUnpacked(gunzip(bytes, limits), limits);
  if (format === "tar.zst") return readUnpacked(unzstd(bytes, limits), limits);
  return file === undefined ? readSpooled(bytes, limits, options) : readZip(file, limits);
}

async function* readUnpacked(
  unpacked: AsyncIterable<Buffer>,
  limits: ArchiveLimits,
): AsyncGenerator<RawEntry, void, void> {
  const source = createByteSource(unpacked);
  try {
    yield* readTar(source, limits);
  } finally {
    await source.close();
  }
}

/** The table of a zip is at its end: it cannot be read before all of it is there. */
async function* readSpooled(
  bytes: ByteSource,
  limits: ArchiveLimits,
  options: ReadOptions,
): AsyncGenerator<RawEntry, void, void> {
  const spooled = await spool(bytes, options.spoolFolder);
  try {
    yield* readZip(spooled.path, limits);
  } finally {
    await spooled.remove();
  }
}
