import { Readable } from "node:stream";

import { runCommandLine } from "../../origin/cli/command-line.ts";
import type { Outcome } from "./run-burrow.ts";

/**
 * Runs a command in this process, which spares the start of a Node (run-burrow.ts does the same with one). What it
 * answers, or the message of its failure, is in `stdout`.
 */
export async function runCommand(args: readonly string[], input = ""): Promise<Outcome> {
  let stdout = "";
  const code = await runCommandLine(
    [...args],
    ({ exitCode, message }) =>
      (stdout += JSON.stringify({ error: exitCode === 2 ? "usage" : "failed", message })),
    { input: Readable.from([input]), print: (text) => (stdout += text) },
  );
  return { code, stdout, stderr: "", json: <T>() => JSON.parse(stdout) as T };
}
