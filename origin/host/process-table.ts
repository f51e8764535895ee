import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";

/** A living process, as proc(5) tells of it. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks since the boot: with the pid it names one process for good. */
  readonly startTicks: string;
  /** What BURROW_SERVICE was when the program started; undefined: not set, or another user's process. */
  readonly mark: string | undefined;
}

/** Every child of the supervisor starts with it and hands it down: it survives a double fork and a setsid. */
export const markVariable = "BURROW_SERVICE";

/** So many are read before others get their turn: a look costs a syscall or three, and some tables are long. */
const rowsAtOnce = 32;

/** The processes that can be seen, without those that have ended and wait for their parent. Undefined where /proc is closed. */
export async function readProcesses(proc = "/proc"): Promise<ProcessRow[] | undefined> {
  let pids: string[];
  try {
    pids = readdirSync(proc).filter((name) => /^\d+$/.test(name));
  } catch {
    return undefined;
  }
  const rows: ProcessRow[] = [];
  for (const [index, pid] of pids.entries()) {
    if (index % rowsAtOnce === rowsAtOnce - 1) await setImmediate();
    const row = readRow(`${proc}/${pid}`);
    if (row) rows.push(row);
  }
  // Whoever reads this is a process itself: an empty table is a closed one.
  return rows.length > 0 ? rows : undefined;
}

function readRow(folder: string): ProcessRow | undefined {
  const stat = readProcFile(`${folder}/stat`)?.toString("latin1");
  if (stat === undefined) return undefined;
  // proc_pid_stat(5): the second field is the program's name in brackets, and may hold brackets and spaces itself.
  const [state, parent, group, session, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startTicks = rest[15];
  if (startTicks === undefined || state === "Z" || state === "X") return undefined;
  return {
    pid: Number.parseInt(stat, 10),
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    startTicks,
    mark: readMark(folder),
  };
}

const markStart = Buffer.from(`${markVariable}=`);

function readMark(folder: string): string | undefined {
  const environment = readProcFile(`${folder}/environ`);
  if (!environment) return undefined;
  let at = environment.indexOf(markStart);
  // In the middle of another variable's value it is none.
  while (at > 0 && environment[at - 1] !== 0) at = environment.indexOf(markStart, at + 1);
  if (at < 0) return undefined;
  const end = environment.indexOf(0, at);
  return environment.toString("latin1", at + markStart.length, end < 0 ? environment.length : end);
}

/**
 * One buffer for all: node's readFile takes 64 kB for each file of /proc, whose size it cannot know, and a look at a
 * long table would leave many megabytes for the collector.
 */
let scratch = Buffer.allocUnsafe(65_536);
const longestFile = 4_194_304;

/** The file's bytes until the next call; undefined when it cannot be read. */
function readProcFile(path: string): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    let length = 0;
    for (;;) {
      const read = readSync(file, scratch, length, scratch.length - length, null);
      length += read;
      if (read === 0 || length >= longestFile) return scratch.subarray(0, length);
      if (length === scratch.length) scratch = Buffer.concat([scratch], 2 * length);
    }
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * Everything that stems from a child: its descendants, the members of its group and session, those that bear its
 * mark, those seen in its tree before, and again whatever descends from these. Never this process itself.
 */
export function treeOf(
  rows: readonly ProcessRow[],
  root: { pid: number | undefined; mark: string; seen?: ReadonlySet<string> },
): ProcessRow[] {
  const { pid, mark, seen } = root;
  const belongs = (row: ProcessRow) =>
    row.mark === mark ||
    seen?.has(identityOf(row)) === true ||
    (pid !== undefined && (row.pid === pid || row.group === pid || row.session === pid));
  return withDescendants(
    rows,
    rows.filter((row) => row.pid !== process.pid && belongs(row)),
  );
}

/** These processes and whatever descends from them, each once. */
export function withDescendants(rows: readonly ProcessRow[], from: readonly ProcessRow[]): ProcessRow[] {
  const children = Map.groupBy(rows, (row) => row.parent);
  const found = new Map<number, ProcessRow>();
  const open = [...from];
  for (let row = open.pop(); row; row = open.pop()) {
    if (found.has(row.pid)) continue;
    found.set(row.pid, row);
    open.push(...(children.get(row.pid) ?? []));
  }
  return [...found.values()];
}

/** One process for good, though its pid is given out again after its end. */
export function identityOf(row: ProcessRow): string {
  return `${row.pid}:${row.startTicks}`;
}

/** Sends a signal to each. One that ended meanwhile is what was wanted. */
export function signalAll(rows: readonly ProcessRow[], signal: NodeJS.Signals): void {
  for (const row of rows) {
    try {
      process.kill(row.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
