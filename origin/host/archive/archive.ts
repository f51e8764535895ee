/**
 * The only place that opens or makes an archive: every other part reads and writes archives through this file.
 */
import type { Readable } from "node:stream";

import type { ArchiveLimits } from "./archive-limits.ts";
import { extractTo, type ExtractOptions } from "./extract.ts";
import { type ReadOptions, visitArchive } from "./visit-archive.ts";
import type { ArchiveFile } from "./visit-entries.ts";

export { ArchiveError, type ArchiveErrorCode } from "./archive-error.ts";
export { type ArchiveLimits, ownBackup, untrustedImport } from "./archive-limits.ts";
export { createArchiveWriter } from "./archive-writer.ts";
export type { ExtractOptions } from "./extract.ts";
export type { ArchiveFormat, ReadOptions } from "./visit-archive.ts";
export type { ArchiveFile } from "./visit-entries.ts";

/**
 * Unpacks an archive into `destination`, which must be absent or an empty folder: files 0600, folders 0700. The
 * folder appears whole or not at all: on any failure nothing is left behind (a SIGKILL leaves a folder beside it,
 * `DESTINATION.unpacking-…`). The format is found from the first
 * bytes; `options.format` refuses any other. Answers the number of files and their bytes.
 *
 * Throws ArchiveError for a refused archive, `signal.reason` when aborted, and what the disk throws (ENOSPC).
 */
export function extractArchive(
  source: Readable | string,
  destination: string,
  limits: ArchiveLimits,
  options: ExtractOptions = {},
): Promise<{ files: number; bytes: number }> {
  return extractTo(source, destination, limits, options);
}

/**
 * Visits each file of an archive in its order, one at a time, writing nothing (but a zip that comes as a stream,
 * which is first spooled to a 0600 file in `options.spoolFolder`). What `visit` leaves of a file's stream is read
 * and checked too. An archive is known to be sound only once the promise resolves: until then nothing of what was
 * visited may be trusted. Folders are checked but not visited.
 *
 * Throws as `extractArchive`, or what `visit` throws.
 */
export function readArchive(
  source: Readable | string,
  limits: ArchiveLimits,
  visit: (file: ArchiveFile) => Promise<void>,
  options: ReadOptions = {},
): Promise<{ files: number; bytes: number }> {
  return visitArchive(source, limits, options, async (entry) => {
    if (entry.kind === "file") await visit(entry);
  });
}
