import { ArchiveError } from "./archive-error.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import type { ByteSource } from "./byte-source.ts";
import { decodeName } from "./entry-path.ts";
import {
  blockBytes,
  isZero,
  overridesOf,
  parsePax,
  parseTarHeader,
  type TarHeader,
  type TarOverrides,
} from "./tar-header.ts";
import type { RawEntry } from "./visit-entries.ts";

/** A pax header may carry a file's extended attributes; it never needs more. */
const metaBytes = 1024 * 1024;

/**
 * Reads POSIX and GNU tar. A reader of our own, because what is refused here is what libraries smooth over before
 * anybody sees it, and none of them hands on the header's bytes for a look of one's own. In this one's place, with the
 * same rules above them, they accept these archives of test/host/archive/hostile-tar.test.ts:
 *
 * - tar-stream 3.2.2, 13 of 83: bytes after the end of a name; a NUL in a GNU long name; a name that is no UTF-8; a name
 *   for every entry; two long names for one entry; a pax record without a length; two pax records for one thing; a long
 *   name without an entry; a pax header of megabytes; cut off between entries; one closing block; an archive after its
 *   end; headers and no file.
 * - tar 7.5.23 (Parser, strict), 18: of those all but the pax header of megabytes, and a NUL in a pax name; a sparse file
 *   of pax; a pax record that is longer than its header, or with a negative size; zeros without end; a gzip in a gzip.
 * - modern-tar 0.8.6, which writes ours, takes unknown types for files as well, strict or not.
 */
export async function* readTar(
  source: ByteSource,
  limits: ArchiveLimits,
): AsyncGenerator<RawEntry, void, void> {
  let overrides: TarOverrides = {};
  let overheadLeft = metaBytes + limits.entries * 4 * blockBytes;
  for (;;) {
    const block = await source.exactly(blockBytes);
    if (isZero(block)) {
      if (Object.keys(overrides).length > 0) throw new ArchiveError("truncated");
      return await readEnd(source);
    }
    const header = parseTarHeader(block);
    if ("xgLK".includes(header.type)) {
      // The names of files are counted elsewhere; this is for an archive that is all headers and no file.
      overheadLeft -= blockBytes + header.size;
      if (header.size > metaBytes || overheadLeft < 0) throw new ArchiveError("unsupported", header.name);
      const body = await source.exactly(header.size);
      await skipPadding(source, header.size);
      overrides = merge(overrides, readMeta(header, body));
      continue;
    }
    const entry = apply(header, overrides);
    overrides = {};
    const { size } = entry;
    let left = size;
    yield {
      name: entry.name,
      kind: kindOf(entry),
      size,
      mode: entry.mode,
      mtime: new Date(entry.mtime),
      async *content() {
        while (left > 0) {
          const piece = await source.some(left);
          if (!piece) throw new ArchiveError("truncated", entry.name);
          left -= piece.length;
          yield piece;
        }
      },
    };
    await skipPadding(source, size);
  }
}

function readMeta(header: TarHeader, body: Buffer): TarOverrides {
  if (header.type === "x") return overridesOf(parsePax(body));
  if (header.type === "g") {
    // `git archive` puts its commit there; a name or size for all entries is what no honest archive has.
    const { name, size } = overridesOf(parsePax(body));
    if (name !== undefined || size !== undefined) throw new ArchiveError("unsupported");
    return {};
  }
  // A long link name: the link itself is refused when it comes.
  if (header.type === "K") return {};
  return { name: decodeName(body.at(-1) === 0 ? body.subarray(0, -1) : body) };
}

function merge(one: TarOverrides, other: TarOverrides): TarOverrides {
  if (Object.keys(other).some((key) => key in one)) throw new ArchiveError("header-mismatch");
  return { ...one, ...other };
}

function apply(header: TarHeader, overrides: TarOverrides): TarHeader {
  return {
    name: overrides.name ?? header.name,
    size: overrides.size ?? header.size,
    mtime: overrides.mtime ?? header.mtime,
    type: header.type,
    mode: header.mode,
  };
}

function kindOf({ type, name }: TarHeader): "file" | "folder" {
  if (type === "0") {
    // Old programs take such a file for a folder, new ones for a file.
    if (name.endsWith("/")) throw new ArchiveError("header-mismatch", name);
    return "file";
  }
  if (type === "5") return "folder";
  if (type === "1" || type === "2") throw new ArchiveError("link", name);
  if (type === "3" || type === "4" || type === "6") throw new ArchiveError("special-file", name);
  throw new ArchiveError("unsupported", name);
}

async function skipPadding(source: ByteSource, size: number): Promise<void> {
  await source.exactly((blockBytes - (size % blockBytes)) % blockBytes);
}

/** The first of the two closing blocks is read; nothing but zeros may follow, as much as any program pads. */
async function readEnd(source: ByteSource): Promise<void> {
  if (!isZero(await source.exactly(blockBytes))) throw new ArchiveError("damaged");
  let padding = 0;
  for (let piece = await source.some(); piece; piece = await source.some()) {
    padding += piece.length;
    if (!isZero(piece) || padding > metaBytes) throw new ArchiveError("trailing-data");
  }
}
