import { statfsSync } from "node:fs";
import type { Check } from "../../app.ts";
import { exhaustedBytes, scarceBytes } from "../../host/alerts/judge-host.ts";
import { probeFileSystem } from "../../host/file-system.ts";
import { chooseDriver } from "../../storage/open-driver.ts";
import { failed, ok, warning } from "./check.ts";

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

/** What SQLite, the blobs and the secrets rely on, tried out. */
export function checkFileSystem(dataDir: string): Check {
  const { weak, fault } = probeFileSystem(dataDir);
  if (fault !== undefined) {
    return failed("file-system", `${dataDir} cannot keep databases safely (${fault}).`, move);
  }
  if (weak !== undefined) return failed("file-system", `${dataDir} lies on ${weak}.`, move);
  return ok("file-system", "Locks, renames, modes and fsync work.");
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
