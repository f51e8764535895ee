import { closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "../../app.ts";
import { exhaustedBytes, scarceBytes } from "../../host/alerts/judge-host.ts";
import { chooseDriver } from "../../storage/open-driver.ts";
import { failed, messageOf, ok, warning } from "./check.ts";

/** statfs(2) magic numbers of file systems on which modes, locks or renames do not hold what Burrow needs. */
const weakFileSystems = new Map([
  [0x65735546, "FUSE"],
  [0x2011bab0, "exFAT"],
  [0x4d44, "FAT"],
  [0x5dca2df5, "sdcardfs"],
  [0x6969, "NFS"],
]);

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.replace("v", "").split(".").map(Number);
  const fits = major > 24 || (major === 24 && minor >= 15);
  return fits
    ? ok("node", `Node ${version}.`)
    : failed("node", `Node ${version} is too old.`, {
        why: "Burrow uses what came with Node 24.15.",
        mend: 'Run "npm ci" in the project folder, or install Node 24.15 or later.',
      });
}

export function checkDriver(): Check {
  const driver = chooseDriver()(":memory:");
  try {
    const row = driver.prepare<{ version: string }>("SELECT sqlite_version() AS version").get();
    return ok("driver", `${driver.name}, SQLite ${row?.version ?? "unknown"}.`);
  } finally {
    driver.close();
  }
}

const move = {
  why: "Without locks, renames and file modes that hold, databases break and secrets can be read by every app.",
  mend: "Stop Burrow, move the data folder to the device's own storage, and name it with --data or BURROW_DATA.",
};

/** What SQLite and the blobs rely on, tried out: a lock that excludes, a rename that replaces, an fsync. */
export function checkFileSystem(dataDir: string): Check {
  const weak = weakFileSystems.get(statfsSync(dataDir).type);
  const from = join(dataDir, `.probe-${process.pid}`);
  const to = `${from}-renamed`;
  try {
    const file = openSync(from, "wx", 0o600);
    fsyncSync(file);
    closeSync(file);
    renameSync(from, to);
    if (!excludes(to)) throw new Error("locks do not exclude");
  } catch (error) {
    return failed("file-system", `${dataDir} cannot keep databases safely (${messageOf(error)}).`, move);
  } finally {
    for (const path of [from, to]) rmSync(path, { force: true });
  }
  if (weak !== undefined) {
    return failed("file-system", `${dataDir} lies on ${weak}.`, move);
  }
  return ok("file-system", "Locks, renames and fsync work.");
}

function excludes(path: string): boolean {
  const open = chooseDriver();
  const holder = open(path);
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
    holder.close();
  }
}

export function checkDiskSpace(dataDir: string): Check {
  const { bavail, bsize } = statfsSync(dataDir);
  const free = bavail * bsize;
  const detail = `${Math.floor(free / 1_000_000)} MB free.`;
  const mend = "Make room: remove what is not needed, or move old backups away.";
  if (free < exhaustedBytes)
    return failed("disk", detail, { why: "New messages and mail cannot be kept.", mend });
  return free < scarceBytes
    ? warning("disk", detail, { why: "On a full disk nothing new can be kept.", mend })
    : ok("disk", detail);
}
