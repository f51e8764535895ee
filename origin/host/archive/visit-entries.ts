import { Readable } from "node:stream";

import { ArchiveError } from "./archive-error.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import { closed } from "./byte-source.ts";
import { createNameLedger, type EntryKind } from "./name-ledger.ts";

/** A file of an archive, its path checked. */
export interface ArchiveFile {
  /** Relative, with "/" between its parts; never "..", never absolute. */
  readonly path: string;
  /** Bytes. The stream gives exactly so many, or fails. */
  readonly size: number;
  /** Permission bits without set-user-id, set-group-id and sticky; only where the archive has them. */
  readonly mode?: number;
  readonly mtime?: Date;
  readonly stream: Readable;
}

export interface ArchiveEntry extends ArchiveFile {
  readonly kind: EntryKind;
}

/** What a format's reader makes of an entry, nothing of it checked against the others yet. */
export interface RawEntry {
  readonly name: string;
  readonly kind: EntryKind;
  readonly size: number;
  readonly mode?: number;
  readonly mtime?: Date;
  /** The content, once. The next entry is not asked for before this one is over. */
  content(): AsyncGenerator<Buffer, void, void>;
}

interface Stopping {
  readonly signal: AbortSignal | undefined;
  /** Ends the source, so that nobody waits for bytes that may never come. */
  readonly stop: () => void;
}

/** Holds the rules that are common to the formats while it hands on the entries, in order, one at a time. */
export async function visitEntries(
  entries: AsyncGenerator<RawEntry, void, void>,
  limits: ArchiveLimits,
  { signal, stop }: Stopping,
  visit: (entry: ArchiveEntry) => Promise<void>,
): Promise<{ files: number; bytes: number }> {
  const ledger = createNameLedger(limits);
  let files = 0;
  let bytes = 0;
  for await (const raw of entries) {
    try {
      signal?.throwIfAborted();
      const path = ledger.admit(raw.name, raw.kind);
      if (raw.kind === "folder" && raw.size !== 0) throw new ArchiveError("header-mismatch", raw.name);
      // Refused by what is announced before a byte is unpacked; no more than that is let through below.
      if (raw.size > limits.fileBytes) throw new ArchiveError("file-too-large", raw.name);
      if (bytes + raw.size > limits.totalBytes) throw new ArchiveError("total-too-large", raw.name);
      const content = checkContent(raw, signal);
      if (path !== undefined) await visitOne(raw, path, content, visit, stop);
      // What the visitor left is held to the same rules, and stands before the next entry.
      while (await content.next());
    } catch (error) {
      stop();
      throw error;
    }
    if (raw.kind === "file") files += 1;
    bytes += raw.size;
  }
  return { files, bytes };
}

async function visitOne(
  raw: RawEntry,
  path: string,
  content: CheckedContent,
  visit: (entry: ArchiveEntry) => Promise<void>,
  stop: () => void,
): Promise<void> {
  const stream = Readable.from(piecesOf(content), { objectMode: false });
  // A visitor that does not read hears of a failure from the promise, not from the stream.
  stream.on("error", () => undefined);
  const { kind, size, mode, mtime } = raw;
  try {
    await visit({
      path,
      kind,
      size,
      stream,
      ...(mode !== undefined && { mode: mode & 0o777 }),
      ...(mtime && { mtime }),
    });
  } catch (error) {
    stop();
    throw content.failure() ?? error;
  } finally {
    stream.destroy();
    // A read that was under way has its piece before anybody else asks for the next.
    await closed(stream);
  }
}

interface CheckedContent {
  next(): Promise<Buffer | undefined>;
  failure(): unknown;
}

function checkContent(raw: RawEntry, signal: AbortSignal | undefined): CheckedContent {
  const content = raw.content();
  let size = 0;
  let over = false;
  let failure: unknown;
  const advance = async (): Promise<Buffer | undefined> => {
    signal?.throwIfAborted();
    const result = await content.next();
    if (result.done === true) {
      over = true;
      if (size !== raw.size) throw new ArchiveError("size-mismatch", raw.name);
      return undefined;
    }
    size += result.value.length;
    if (size > raw.size) throw new ArchiveError("size-mismatch", raw.name);
    return result.value;
  };
  return {
    failure: () => failure,
    async next() {
      if (failure !== undefined) throw failure;
      if (over) return undefined;
      try {
        return await advance();
      } catch (error) {
        failure = error;
        await content.return();
        throw error;
      }
    },
  };
}

async function* piecesOf(content: CheckedContent): AsyncGenerator<Buffer, void, void> {
  for (let piece = await content.next(); piece; piece = await content.next()) yield piece;
}
