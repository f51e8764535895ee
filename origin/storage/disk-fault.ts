/** Why the disk took nothing: no room, mounted read-only (or not ours to write), or input and output failing. */
export type DiskFault = "full" | "read-only" | "failing";

/** What each one means to a person, with what to do. Nothing of a change that failed so was kept. */
export const diskFaultMessages: Readonly<Record<DiskFault, string>> = {
  full: "The disk is full: nothing of this was kept. Make room (remove what is not needed, move old backups away), then try again.",
  "read-only":
    "The disk cannot be written to: nothing of this was kept. A file system that turns read-only by itself often has a failing disk: look at the system's log, and make it writable again.",
  failing:
    "The disk failed while this was written: nothing of it was kept. Look at the system's log, and have a backup at hand.",
};

const faultsBySystemCode = new Map<unknown, DiskFault>([
  ["ENOSPC", "full"],
  ["EDQUOT", "full"],
  ["EROFS", "read-only"],
  ["EIO", "failing"],
]);

/** The primary result codes of SQLite (sqlite.org/rescode.html), by number and by better-sqlite3's names. */
const sqliteFull = 13;
const sqliteReadOnly = 8;
const sqliteIoError = 10;
/** SQLITE_IOERR_SHMSIZE: the index of the write-ahead log could not grow, which is a full disk. */
const sqliteShmSize = 4874;

/** What kind of disk fault an error of node:fs or of a SQLite driver is, itself or by its cause; undefined: none. */
export function diskFaultOf(error: unknown): DiskFault | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    const { code, errcode } = at as { code?: unknown; errcode?: unknown };
    const fault =
      faultsBySystemCode.get(code) ??
      (typeof errcode === "number" ? faultOfNumber(errcode) : typeof code === "string" && faultOfName(code));
    if (fault) return fault;
  }
  return undefined;
}

function faultOfNumber(code: number): DiskFault | undefined {
  if (code === sqliteShmSize) return "full";
  const primary = code & 0xff;
  if (primary === sqliteFull) return "full";
  if (primary === sqliteReadOnly) return "read-only";
  return primary === sqliteIoError ? "failing" : undefined;
}

function faultOfName(code: string): DiskFault | undefined {
  if (code === "SQLITE_FULL" || code === "SQLITE_IOERR_SHMSIZE") return "full";
  if (code.startsWith("SQLITE_READONLY")) return "read-only";
  return code.startsWith("SQLITE_IOERR") ? "failing" : undefined;
}
