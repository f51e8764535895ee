import { once } from "node:events";
import { crc32 } from "node:zlib";
import { type Entry, getFileNameLowLevel, openPromise, type ZipFile } from "yauzl";

import { ArchiveError, type ArchiveErrorCode } from "./archive-error.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import { decodeName } from "./entry-path.ts";
import type { EntryKind } from "./name-ledger.ts";
import { localHeaderBytes, type ZipEntry, zipFlags } from "./zip-entry.ts";

export interface ZipTable {
  /** By their place in the file. */
  readonly entries: readonly ZipEntry[];
  /** Where the table begins, which is where the last entry ends. */
  readonly start: number;
}

/**
 * Reads the table of a zip and refuses whatever in it tells of a bad archive, before any content is read.
 * Throws ArchiveError.
 */
export async function readZipTable(path: string, limits: ArchiveLimits): Promise<ZipTable> {
  try {
    // Names are decoded here: yauzl would turn a backslash into a slash and a broken UTF-8 into another name.
    const zip = await openPromise(path, {
      autoClose: false,
      decodeStrings: false,
      validateEntrySizes: false,
    });
    try {
      return await readTable(zip, limits);
    } finally {
      zip.close();
      await once(zip, "close");
    }
  } catch (error) {
    throw asArchiveError(error);
  }
}

async function readTable(zip: ZipFile, limits: ArchiveLimits): Promise<ZipTable> {
  if (zip.entryCount > limits.entries) throw new ArchiveError("too-many-entries");
  const start = Number(zip.readEntryCursor);
  const entries: ZipEntry[] = [];
  for await (const entry of zip.eachEntry()) entries.push(readEntry(entry, limits));
  const end = Number(zip.readEntryCursor);
  const endRecord = zip.fileSize - 22 - zip.comment.length;
  // The table ends where the end record begins, with the fixed zip64 pair (56 + 20 bytes) between them at most.
  if (end !== endRecord && end + 76 !== endRecord) throw new ArchiveError("hidden-data");
  entries.sort((one, other) => one.offset - other.offset);
  for (const [index, entry] of entries.entries()) {
    const next = entries[index + 1]?.offset ?? start;
    const least = entry.offset + localHeaderBytes + entry.rawName.length + entry.packed;
    if (least > next) throw new ArchiveError("overlap", entry.name);
  }
  return { entries, start };
}

function readEntry(entry: Entry, limits: ArchiveLimits): ZipEntry {
  if (entry.fileNameLength > limits.pathBytes) throw new ArchiveError("path-too-long");
  const flags = entry.generalPurposeBitFlag;
  const name = nameOf(entry);
  const method = entry.compressionMethod;
  // Method 99 is WinZip's AES.
  if (flags & (zipFlags.encrypted | zipFlags.strong | zipFlags.masked) || method === 99) {
    throw new ArchiveError("encrypted", name);
  }
  if (method !== 0 && method !== 8) throw new ArchiveError("unsupported", name);
  if (method === 0 && entry.compressedSize !== entry.uncompressedSize) {
    throw new ArchiveError("size-mismatch", name);
  }
  const mode = entry.externalFileAttributes >>> 16;
  return {
    name,
    // A copy: the entry's own bytes hold on to its comment and its extra fields.
    rawName: Buffer.from(entry.fileNameRaw),
    kind: kindOf(name, mode),
    offset: entry.relativeOffsetOfLocalHeader,
    packed: entry.compressedSize,
    size: entry.uncompressedSize,
    crc: entry.crc32,
    flags,
    method,
    deflated: method === 8,
    hasDescriptor: (flags & zipFlags.descriptor) !== 0,
    mode: mode === 0 ? undefined : mode,
    mtime: entry.getLastModDate(),
  };
}

/** The kind by the name, which the Unix mode must agree with where there is one. */
function kindOf(name: string, mode: number): EntryKind {
  const kind = name.endsWith("/") ? "folder" : "file";
  const type = mode >>> 12;
  if (type === 0) return kind;
  if (type === 0o12) throw new ArchiveError("link", name);
  if (type !== 0o10 && type !== 0o4) throw new ArchiveError("special-file", name);
  if ((type === 0o4) !== (kind === "folder")) throw new ArchiveError("header-mismatch", name);
  return kind;
}

/** APPNOTE appendix D: UTF-8 by the flag, by Info-ZIP's extra field, or (macOS) by nothing; else code page 437. */
function nameOf(entry: Entry): string {
  const raw = entry.fileNameRaw;
  const extra = entry.extraFields.find(({ id, data }) => {
    return id === 0x7075 && data.length >= 5 && data[0] === 1 && data.readUInt32LE(1) === crc32(raw);
  });
  const extraName = extra && decodeName(extra.data.subarray(5));
  const plain = raw.every((byte) => byte < 0x80) || (entry.generalPurposeBitFlag & zipFlags.utf8) !== 0;
  if (plain) {
    const name = decodeName(raw);
    // Two names for one file: each program picks its own.
    if (extraName !== undefined && extraName !== name) throw new ArchiveError("header-mismatch", name);
    return name;
  }
  if (extraName !== undefined) return extraName;
  try {
    return decodeName(raw);
  } catch {
    return getFileNameLowLevel(0, raw, [], true);
  }
}

/** yauzl's errors carry nothing but a sentence. */
function asArchiveError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ArchiveError || "code" in error) return error;
  const known: readonly (readonly [RegExp, ArchiveErrorCode])[] = [
    [/end of file|record signature not found|unexpected EOF/i, "truncated"],
    [/comment length/, "trailing-data"],
    [/encryption/, "encrypted"],
    [/multi-disk/, "unsupported"],
  ];
  const code = known.find(([pattern]) => pattern.test(error.message))?.[1] ?? "damaged";
  return new ArchiveError(code, undefined, { cause: error });
}
