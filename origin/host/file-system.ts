import { closeSync, fstatSync, fsyncSync, openSync, renameSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { DataFolderError } from "../config/data-folder.ts";
import { diskFaultOf } from "../storage/disk-fault.ts";
import type { OpenDriver } from "../storage/driver.ts";
import { chooseDriver } from "../storage/open-driver.ts";

/** statfs(2) magic numbers of file systems that a data folder had better not be on. */
const knownFileSystems = new Map([
  [0x65735546, "FUSE"],
  [0x2011bab0, "exFAT"],
  [0x4d44, "FAT"],
  [0x5dca2df5, "sdcardfs"],
  [0x6969, "NFS"],
]);
/** Without a journal: a power cut in the middle of a rename can lose both files. Whatever the probe says. */
const neverSafe = new Set(["exFAT", "FAT"]);

/** The calls that are tried out: a test puts in those of a file system that it has not. */
export interface FileSystemCalls {
  readonly typeOf: (path: string) => number;
  readonly fsync: (file: number) => void;
  readonly rename: (from: string, to: string) => void;
  readonly modeOf: (file: number) => number;
  readonly open: OpenDriver;
}

/** The machine's own. */
export const systemCalls = (): FileSystemCalls => ({
  typeOf: (path) => statfsSync(path).type,
  fsync: fsyncSync,
  rename: renameSync,
  modeOf: (file) => fstatSync(file).mode,
  open: chooseDriver(),
});

export interface FileSystemVerdict {
  /** The kind, where it is one to beware of. */
  readonly weak: string | undefined;
  /** What does not work, or undefined. */
  readonly fault: string | undefined;
}

/**
 * Tries out what SQLite, the blobs and the secrets rely on: an fsync, a rename that replaces, a mode that holds, a
 * lock that excludes. What a full disk does not let it try, it does not hold against the file system.
 */
export function probeFileSystem(dataDir: string, calls: FileSystemCalls = systemCalls()): FileSystemVerdict {
  const weak = knownFileSystems.get(calls.typeOf(dataDir));
  const from = join(dataDir, `.probe-${process.pid}`);
  const to = `${from}-renamed`;
  try {
    for (const path of [from, to]) {
      rmSync(path, { force: true });
      const file = openSync(path, "wx", 0o600);
      try {
        calls.fsync(file);
        if ((calls.modeOf(file) & 0o077) !== 0)
          return { weak, fault: "files are open to other users, whatever mode they are given" };
      } finally {
        closeSync(file);
      }
    }
    calls.rename(from, to);
    if (!excludes(to, calls.open)) return { weak, fault: "locks do not exclude" };
  } catch (error) {
    if (diskFaultOf(error) === "full") return { weak, fault: undefined };
    return { weak, fault: error instanceof Error ? error.message : String(error) };
  } finally {
    for (const path of [from, to]) rmSync(path, { force: true });
  }
  return { weak, fault: weak !== undefined && neverSafe.has(weak) ? `${weak} keeps no journal` : undefined };
}

/** Throws DataFolderError where databases would break: before anything is written there. */
export function checkFileSystem(dataDir: string, calls?: FileSystemCalls): void {
  const { fault } = probeFileSystem(dataDir, calls);
  if (fault === undefined) return;
  throw new DataFolderError(
    `The data folder ${dataDir} cannot keep databases safely: ${fault}. Move it to the device's own storage (ext4, f2fs and the like; not a memory card, a USB stick or a shared folder), and name it with --data or BURROW_DATA.`,
  );
}

function excludes(path: string, open: OpenDriver): boolean {
  const holder = open(path);
  try {
    const other = open(path);
    try {
      holder.exec("BEGIN EXCLUSIVE");
      other.exec("PRAGMA busy_timeout = 0");
      try {
        other.exec("BEGIN IMMEDIATE");
        return false;
      } catch {
        return true;
      }
    } finally {
      other.close();
    }
  } finally {
    holder.close();
  }
}
