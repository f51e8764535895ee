import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parse } from "smol-toml";
import { CommandError, type Invocation, textOption } from "../command.ts";

/** The Worker that a command is about: `--worker`, else the one that was deployed from this folder. */
export function workerName(invocation: Invocation): string {
  const told = textOption(invocation, "worker");
  if (told !== undefined) return told;
  const deployed = join(invocation.root, "wrangler.deploy.toml");
  const name = existsSync(deployed) ? parse(readFileSync(deployed, "utf8"))["name"] : undefined;
  // What `edge config` calls it where nothing else is set.
  return typeof name === "string" ? name : "burrow";
}

/**
 * Sets a secret of the Worker, by standard input: arguments can be read by every process. wrangler's own login or
 * CLOUDFLARE_API_TOKEN lets it. Throws CommandError with what wrangler says.
 */
export async function putSecret(
  invocation: Invocation,
  worker: string,
  secret: { name: string; value: string },
): Promise<void> {
  await runWrangler(invocation, ["secret", "put", secret.name, "--name", worker], `${secret.value}\n`);
}

/** Takes a secret of the Worker away; one that is not there is no fault. */
export async function deleteSecret(invocation: Invocation, worker: string, name: string): Promise<void> {
  try {
    // It asks whether one is sure.
    await runWrangler(invocation, ["secret", "delete", name, "--name", worker], "y\n");
  } catch (error) {
    if (!(error instanceof CommandError) || !/not found|does not exist|10056/i.test(error.message))
      throw error;
  }
}

async function runWrangler(
  { root, environment }: Invocation,
  words: readonly string[],
  input: string,
): Promise<void> {
  const path = [environment["PATH"], join(root, "node_modules", ".bin")].filter(Boolean).join(delimiter);
  const child = spawn("wrangler", words, {
    cwd: root,
    env: { ...environment, PATH: path, WRANGLER_SEND_METRICS: "false" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => said.push(text));
  const code = await new Promise<number | null | Error>((resolve) => {
    child.once("error", resolve);
    child.once("close", resolve);
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
  if (code === 0) return;
  if (code instanceof Error)
    throw new CommandError('wrangler is not installed: run "npm ci" in this folder.');
  const why = said.join("").trim().split("\n").slice(-6).join(" ");
  throw new CommandError(`"wrangler ${words.slice(0, 3).join(" ")}" failed: ${why}`);
}
