import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

export const projectRoot = fileURLToPath(new URL("../..", import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as JSON. */
  json<T = Record<string, unknown>>(): T;
}

/** Runs bin/burrow as a person would, with the environment given and nothing of the test's own BURROW_*. */
export async function runBurrow(
  args: readonly string[],
  options: {
    input?: string;
    environment?: NodeJS.ProcessEnv;
    cwd?: string;
    /** The command that starts it elsewhere: in another mount namespace. */
    within?: readonly string[];
  } = {},
): Promise<Outcome> {
  const { BURROW_DATA: _, ...environment } = process.env;
  const [command = "", ...words] = [...(options.within ?? []), `${projectRoot}/bin/burrow`, ...args];
  const child = spawn(command, words, {
    cwd: options.cwd ?? projectRoot,
    env: { ...environment, ...options.environment },
    stdio: "pipe",
  });
  child.stdin.end(options.input ?? "");
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr, json: <T>() => JSON.parse(stdout) as T };
}
