import { mkdir, mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Readable } from "node:stream";

import { ArchiveError } from "./archive-error.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import type { EntryKind } from "./name-ledger.ts";
import { type ReadOptions, visitArchive } from "./visit-archive.ts";
import type { ArchiveEntry } from "./visit-entries.ts";
import { writeWhole } from "./write-whole.ts";

export interface ExtractOptions extends Omit<ReadOptions, "spoolFolder"> {
  /** Called for each entry before it is written; what it throws refuses the whole archive. */
  readonly onEntry?: (entry: { path: string; kind: EntryKind; size: number }) => void;
}

/** See `extractArchive`. */
export async function extractTo(
  source: Readable | string,
  destination: string,
  limits: ArchiveLimits,
  { onEntry, ...options }: ExtractOptions,
): Promise<{ files: number; bytes: number }> {
  const target = resolve(destination);
  // It may fail before anybody reads it, and without a listener that would end the process.
  if (typeof source !== "string") source.on("error", () => undefined);
  let work: string | undefined;
  try {
    if (await isInUse(target)) throw new ArchiveError("destination-in-use");
    // Beside the destination, so that the finished tree can be renamed into place; 0700 by mkdtemp. What a SIGKILL
    // leaves begins with the destination's own name.
    work = await mkdtemp(`${target}.unpacking-`);
    const tree = join(work, "tree");
    await mkdir(tree, { mode: 0o700 });
    const writer = createTreeWriter(tree);
    const counted = await visitArchive(source, limits, { ...options, spoolFolder: work }, async (entry) => {
      onEntry?.({ path: entry.path, kind: entry.kind, size: entry.size });
      await writer.add(entry);
    });
    await moveInto(tree, target);
    return counted;
  } catch (error) {
    if (typeof source !== "string") source.destroy();
    throw error;
  } finally {
    if (work !== undefined) await rm(work, { recursive: true, force: true });
  }
}

/** Writes entries below a folder that nobody else knows: every folder on the way is one that it made itself. */
function createTreeWriter(root: string): { add(entry: ArchiveEntry): Promise<void> } {
  const made = new Set<string>();
  const makeFolder = async (path: string): Promise<void> => {
    if (path === "." || made.has(path)) return;
    await makeFolder(dirname(path));
    await mkdir(join(root, path), { mode: 0o700 });
    made.add(path);
  };
  return {
    async add({ path, kind, stream }) {
      if (kind === "folder") return await makeFolder(path);
      await makeFolder(dirname(path));
      // O_EXCL: a name that the file system takes for another fails instead of writing over it.
      const file = await open(join(root, path), "wx", 0o600);
      try {
        for await (const piece of stream as AsyncIterable<Buffer>) await writeWhole(file, piece);
      } finally {
        await file.close();
      }
    },
  };
}

async function isInUse(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length > 0;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return false;
    if (code === "ENOTDIR") return true;
    throw error;
  }
}

/** A rename takes the place of an empty folder, and of nothing else. */
async function moveInto(tree: string, target: string): Promise<void> {
  try {
    await rename(tree, target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "EEXIST" && code !== "ENOTDIR") throw error;
    throw new ArchiveError("destination-in-use", undefined, { cause: error });
  }
}
