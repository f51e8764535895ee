import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";

import { ArchiveError } from "./archive-error.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import { type ByteSource, createByteSource, pieceBytes } from "./byte-source.ts";
import { inflate } from "./decompress.ts";
import type { RawEntry } from "./visit-entries.ts";
import { localHeaderBytes, type ZipEntry } from "./zip-entry.ts";
import { checkLocalHeader } from "./zip-local-header.ts";
import { readZipTable } from "./zip-table.ts";

/**
 * Reads a zip by its table, and holds that it is the only reading: entries lie one after another from the first
 * byte to the table, so that nothing is shared, hidden between them, or put in front.
 */
export async function* readZip(path: string, limits: ArchiveLimits): AsyncGenerator<RawEntry, void, void> {
  const { entries, start } = await readZipTable(path, limits);
  const file = await open(path, "r");
  try {
    let expected = 0;
    for (const [index, entry] of entries.entries()) {
      if (entry.offset !== expected) throw new ArchiveError("hidden-data", entry.name);
      expected = entries[index + 1]?.offset ?? start;
      const dataStart = await openEntry(file, entry, expected);
      yield {
        name: entry.name,
        kind: entry.kind,
        size: entry.size,
        mtime: entry.mtime,
        ...(entry.mode !== undefined && { mode: entry.mode }),
        content: () => contentOf(file, entry, dataStart, limits),
      };
    }
    if (expected !== start) throw new ArchiveError("hidden-data");
  } finally {
    await file.close();
  }
}

/** Checks what stands around an entry's data, up to the next entry, and answers where the data begins. */
async function openEntry(file: FileHandle, entry: ZipEntry, next: number): Promise<number> {
  const fixed = await readAt(file, entry.offset, localHeaderBytes, entry);
  const rest = fixed.readUInt16LE(26) + fixed.readUInt16LE(28);
  const named = await readAt(file, entry.offset + localHeaderBytes, rest, entry);
  checkLocalHeader(Buffer.concat([fixed, named]), entry);
  const dataStart = entry.offset + localHeaderBytes + rest;
  const dataEnd = dataStart + entry.packed;
  const after = next - dataEnd;
  if (!entry.hasDescriptor) {
    if (after !== 0) throw new ArchiveError("hidden-data", entry.name);
    return dataStart;
  }
  // APPNOTE §4.3.9: the descriptor, with or without its signature, with sizes of four or eight bytes.
  if (![12, 16, 20, 24].includes(after)) throw new ArchiveError("hidden-data", entry.name);
  const descriptor = await readAt(file, dataEnd, after, entry);
  const signed = after === 16 || after === 24;
  if (signed && descriptor.readUInt32LE(0) !== 0x08074b50) throw new ArchiveError("hidden-data", entry.name);
  if (descriptor.readUInt32LE(signed ? 4 : 0) !== entry.crc) {
    throw new ArchiveError("header-mismatch", entry.name);
  }
  return dataStart;
}

async function* contentOf(
  file: FileHandle,
  entry: ZipEntry,
  start: number,
  limits: ArchiveLimits,
): AsyncGenerator<Buffer, void, void> {
  const packed = createByteSource(rangeOf(file, start, entry));
  let sum = 0;
  for await (const piece of entry.deflated ? inflate(packed, limits) : piecesOf(packed)) {
    sum = crc32(piece, sum);
    yield piece;
  }
  if (await packed.some(1)) throw new ArchiveError("size-mismatch", entry.name);
  if (sum !== entry.crc) throw new ArchiveError("checksum", entry.name);
}

async function* rangeOf(
  file: FileHandle,
  start: number,
  entry: ZipEntry,
): AsyncGenerator<Buffer, void, void> {
  for (let done = 0; done < entry.packed; done += pieceBytes) {
    yield await readAt(file, start + done, Math.min(pieceBytes, entry.packed - done), entry);
  }
}

async function* piecesOf(source: ByteSource): AsyncGenerator<Buffer, void, void> {
  for (let piece = await source.some(); piece; piece = await source.some()) yield piece;
}

async function readAt(file: FileHandle, position: number, length: number, entry: ZipEntry): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw new ArchiveError("truncated", entry.name);
    done += bytesRead;
  }
  return bytes;
}
