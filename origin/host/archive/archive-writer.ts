import type { Writable } from "node:stream";

import { splitPath } from "./entry-path.ts";
import { ownBackup } from "./archive-limits.ts";
import { createTarWriter } from "./tar-writer.ts";
import type { ArchiveFormat } from "./visit-archive.ts";
import { createZipWriter } from "./zip-writer.ts";

/** Content of a file: at once, or as it comes. In a compressed tar a piece is done with when the next is asked for. */
export type ArchiveContent = Uint8Array | AsyncIterable<Uint8Array>;

export interface EntryTimes {
  readonly mtime: Date;
}

/** Writes an archive entry by entry; each call waits for the one before to be done. */
export interface ArchiveWriter {
  /** Throws when the content is not exactly `size` bytes: the archive is broken then. */
  addFile(path: string, content: ArchiveContent, size: number, times: EntryTimes): Promise<void>;
  /** Only an empty folder needs an entry of its own. */
  addFolder(path: string, times: EntryTimes): Promise<void>;
  /** Ends the archive and the sink; resolves once the sink has taken everything. */
  finish(): Promise<void>;
}

/**
 * Starts an archive on a sink. Names that the extractor would refuse are refused here (ArchiveError). A failing
 * sink fails the call that is under way and every later one; who gives up destroys the sink.
 */
export function createArchiveWriter(format: ArchiveFormat, sink: Writable): ArchiveWriter {
  const writer = format === "zip" ? createZipWriter(sink) : createTarWriter(format, sink);
  const checked = (path: string): string => splitPath(path, ownBackup).join("/");
  return {
    addFile: async (path, content, size, times) => await writer.addFile(checked(path), content, size, times),
    addFolder: async (path, times) => await writer.addFolder(checked(path), times),
    finish: () => writer.finish(),
  };
}
