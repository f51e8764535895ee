import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { realpathSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { Log } from "../log.ts";
import { markVariable, readProcesses, signalAll } from "../process-table.ts";
import type { Schedule } from "./service.ts";

/** Begins the mark of every child of this data folder's supervisor, whichever daemon started it. */
export function folderMark(dataDir: string): string {
  return `${createHash("sha256").update(realpathSync(dataDir)).digest("hex").slice(0, 16)}/`;
}

/** Begins the mark of what this very daemon starts: a guard must not end what the next daemon has started. */
export function runMark(dataDir: string): string {
  return `${folderMark(dataDir)}${randomBytes(6).toString("hex")}/`;
}

/** How long what is left over may take to end by itself, and then to go after SIGKILL. */
const graceMs = 2_000;
const lookMs = 50;

/**
 * Ends what an earlier daemon of this data folder left behind, by the mark. The data folder's lock is ours, so
 * whatever bears the mark now is nobody's. Resolves with their number.
 */
export async function endOrphans(prefix: string, proc = "/proc"): Promise<number> {
  const find = async () =>
    ((await readProcesses(proc)) ?? []).filter(
      (row) => row.mark?.startsWith(prefix) === true && row.pid !== process.pid,
    );
  const found = await find();
  signalAll(found, "SIGTERM");
  let left = found;
  // Bounded: a process that waits for a dead disk does not even hear SIGKILL.
  for (let waited = 0; left.length > 0 && waited < 2 * graceMs; waited += lookMs) {
    if (waited >= graceMs) signalAll(left, "SIGKILL");
    await setTimeout(lookMs);
    left = await find();
  }
  return found.length;
}

/**
 * The guard's program. It reads the groups to end from its standard input until that ends: with "done" in good
 * order, without it because the daemon died, however it died. Then it ends the groups, and whatever bears the mark.
 * Service managers send SIGTERM to everything at once; the guard ends by itself.
 */
const guardScript = `
trap '' TERM INT HUP
groups=''
while read -r word rest; do
  case $word in
    groups) groups=$rest ;;
    done) exit 0 ;;
  esac
done
end() {
  left=''
  for group in $groups; do
    kill -s "$2" -- "-$group" 2>/dev/null && left=1
  done
  for file in $(grep -lsF "$1" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    kill -s "$2" "\${pid%/environ}" 2>/dev/null && left=1
  done
}
end "$1" TERM
for pass in 1 2 3 4 5 6 7 8 9 10; do
  [ -n "$left" ] || exit 0
  sleep 0.2
  end "$1" 0
done
for pass in 1 2 3; do end "$1" KILL; done
`;

export interface Guard {
  /** The process groups that must not outlive the daemon. */
  watch(groups: readonly number[]): void;
  /** Ends it, without ending anything else. */
  close(): Promise<void>;
  readonly pid: number | undefined;
}

/**
 * One small shell for all services, which outlives this process just long enough to end them, SIGKILL or not.
 * PR_SET_PDEATHSIG would cost no process, but Termux has no setpriv, and it reaches the direct child only, not what
 * that has started.
 */
export function startGuard(options: { mark: string; log: Log; schedule: Schedule }): Guard {
  const { mark, log, schedule } = options;
  let groups: readonly number[] = [];
  let child: ChildProcess;
  let closing = false;
  let gone: Promise<unknown>;
  start();

  function start(): void {
    child = spawn("sh", ["-c", guardScript, "burrow-guard", `${markVariable}=${mark}`], {
      // A session of its own: Ctrl-C in a terminal, which goes to the whole group, must not reach it.
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: { PATH: process.env["PATH"] },
      cwd: "/",
    });
    child.unref();
    child.stdin?.on("error", () => {});
    const started = child;
    gone = new Promise((resolve) => {
      started.once("exit", resolve);
      started.once("error", resolve);
    });
    void gone.then(() => {
      if (closing) return;
      log.warn("guard.ended", {
        detail: "Nothing would end the services with this process; starting it again.",
      });
      schedule(1_000, () => {
        if (!closing) start();
      });
    });
    tell();
  }

  function tell(): void {
    child.stdin?.write(`groups ${groups.join(" ")}\n`);
  }

  return {
    watch(now) {
      groups = now;
      tell();
    },
    async close() {
      closing = true;
      child.stdin?.end("done\n");
      await gone;
    },
    get pid() {
      return child.pid;
    },
  };
}
