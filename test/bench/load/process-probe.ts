import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** What a server takes of the machine, seen from outside. Linux only; elsewhere, and without a pid, NaN. */
export interface ProcessProbe {
  /** Seconds of processor time so far, all threads. */
  cpuSeconds(): number;
  /** MB now, and the most there was. */
  memory(): { readonly now: number; readonly peak: number };
  /** Bytes of the data folder, databases by their pages. */
  diskBytes(): number;
}

export function createProbe(pid: number | undefined, dataDir: string | undefined): ProcessProbe {
  return {
    cpuSeconds() {
      if (pid === undefined) return Number.NaN;
      const tasks = `/proc/${pid}/task`;
      let nanoseconds = 0;
      for (const task of list(tasks)) {
        // Nanoseconds on a processor; /proc/PID/stat counts in ticks of 10 ms.
        nanoseconds += Number(readText(join(tasks, task, "schedstat")).split(" ")[0]);
      }
      return nanoseconds / 1e9;
    },
    memory() {
      const status = pid === undefined ? "" : readText(`/proc/${pid}/status`);
      const field = (name: string): number =>
        Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) / 1024;
      return { now: field("VmRSS"), peak: field("VmHWM") };
    },
    diskBytes: () => (dataDir === undefined ? Number.NaN : folderBytes(dataDir)),
  };
}

function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !/-(?:wal|shm)$/.test(entry.name)) bytes += databaseBytes(path) ?? sizeOf(path);
  }
  return bytes;
}

/**
 * What the database holds, also what is still in its write-ahead log: the files' own sizes jump with every checkpoint.
 * Undefined for what is no SQLite file.
 */
function databaseBytes(path: string): number | undefined {
  if (!path.endsWith(".db")) return undefined;
  try {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      const row = database.prepare(
        "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size",
      );
      return (row.get() as { bytes: number }).bytes;
    } finally {
      database.close();
    }
  } catch {
    return undefined;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
