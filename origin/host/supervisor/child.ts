import { type ChildProcess, spawn } from "node:child_process";
import { markVariable, readProcesses, signalAll, treeOf } from "../process-table.ts";
import type { Schedule, Service } from "./service.ts";
import type { ServiceLog } from "./service-log.ts";

/** A running program, the leader of a session and a process group of its own. */
export interface Child {
  readonly pid: number | undefined;
  /** Resolves when the program has ended and nothing of its tree is left: how it ended, as a sentence's part. */
  readonly ended: Promise<string>;
  /** SIGTERM to the group, after the grace SIGKILL to the whole tree. Resolves like `ended`. */
  stop(graceMs: number): Promise<string>;
}

export function startChild(
  service: Service,
  options: { mark: string; output: ServiceLog; schedule: Schedule; proc: string },
): Child {
  const { mark, output, schedule, proc } = options;
  let child: ChildProcess;
  try {
    child = spawnService(service, mark);
  } catch (error) {
    // Most failures come as an event; a machine without memory throws.
    const ended = Promise.resolve(`could not be started (${(error as Error).message})`);
    return { pid: undefined, ended, stop: () => ended };
  }
  // Absent when there was no room for the process itself.
  for (const stream of [child.stdout, child.stderr]) if (stream) output.attach(stream);
  const { pid } = child;

  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started (${error.message})`));
    child.once("exit", (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with ${code}`));
  });
  const ended = exited.then(async (how) => {
    await killTree();
    return how;
  });

  /** The whole tree: its group, and what left the group but descends from it or bears the mark. */
  async function killTree(): Promise<void> {
    if (pid !== undefined) signalGroup(pid, "SIGKILL");
    const rows = (await readProcesses(proc)) ?? [];
    signalAll(treeOf(rows, { pid, mark }), "SIGKILL");
  }

  return {
    pid,
    ended,
    async stop(graceMs) {
      if (pid !== undefined) signalGroup(pid, "SIGTERM");
      const cancel = schedule(graceMs, () => void killTree());
      const how = await ended;
      cancel();
      return how;
    },
  };
}

function spawnService({ command, cwd, environment }: Service, mark: string): ChildProcess {
  const [program = "", ...words] = command;
  return spawn(program, words, {
    cwd,
    env: { ...baseEnvironment(process.env), ...environment, [markVariable]: mark },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    // ESRCH: all ended. EPERM (macOS): what is left has ended and waits for its parent.
    if (!["ESRCH", "EPERM"].includes(String((error as NodeJS.ErrnoException).code))) throw error;
  }
}

/** What a program cannot start without, and no more: on Android the loader's own variables, none of which is secret. */
const baseNames = [
  "PATH",
  "PREFIX",
  "LD_PRELOAD",
  "LD_LIBRARY_PATH",
  "ANDROID_ROOT",
  "ANDROID_DATA",
  "TMPDIR",
];

function baseEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = environment["ANDROID_ROOT"] === undefined ? ["PATH"] : baseNames;
  return Object.fromEntries(
    names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  );
}
