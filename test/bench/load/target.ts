import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createProbe, type ProcessProbe } from "./process-probe.ts";

/** A homeserver under load, or what stands in the place of one. */
export interface Target {
  readonly name: string;
  readonly url: string;
  readonly probe: ProcessProbe;
  /** Of the accounts that this run makes there. */
  readonly namePrefix: string;
  /** Accounts to use instead of registering any. */
  readonly tokensFile?: string | undefined;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL("../../..", import.meta.url));
const namePrefix = `load${Date.now().toString(36)}x`;

/** Ours, as `burrow test-server` runs it: built, without an edge in front and without rate limits. */
export async function startOurs(dataDir: string): Promise<Target> {
  const child = spawn(
    join(root, "bin/burrow"),
    ["--data", dataDir, "--json", "test-server", "--server-name", "hs1", "--port", "0"],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        ...process.env,
        BURROW_ALLOW_DEV_MODE: "1",
        BURROW_ALLOW_ROOT: "1",
        BURROW_LOG_LEVEL: "warn",
        NODE_OPTIONS: process.env["BENCH_NODE_OPTIONS"] ?? "",
      },
    },
  );
  const { url } = JSON.parse(await firstLine(child, "Our server")) as { url: string };
  return target("ours", url, child, dataDir);
}

/** The same rows, and nothing else: test/bench/floor-server.ts with one row for all whom a message notifies. */
export async function startFloor(file: string): Promise<Target> {
  const child = runScript("../floor-server.ts", [file, "1"]);
  return target("floor", `http://127.0.0.1:${await firstLine(child, "The floor")}`, child, undefined);
}

/** Answers at once and keeps nothing: what the generator itself takes. */
export async function startNullServer(): Promise<Target> {
  const child = runScript("./null-server.ts", []);
  return target("null", `http://127.0.0.1:${await firstLine(child, "The null server")}`, child, undefined);
}

export function joinPeer(options: {
  url: string;
  pid: number | undefined;
  dataDir: string | undefined;
  tokensFile: string | undefined;
}): Target {
  return {
    name: "peer",
    url: options.url.replace(/\/$/, ""),
    probe: createProbe(options.pid, options.dataDir),
    namePrefix,
    tokensFile: options.tokensFile,
    stop: () => Promise.resolve(),
  };
}

function runScript(path: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(new URL(path, import.meta.url)), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

function target(name: string, url: string, child: ChildProcess, dataDir: string | undefined): Target {
  return {
    name,
    url,
    probe: createProbe(child.pid, dataDir),
    namePrefix,
    async stop() {
      if (child.exitCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function firstLine(child: ChildProcess, what: string): Promise<string> {
  const ended = once(child, "exit").then(() => {
    throw new Error(`${what} ended at its start.`);
  });
  const [line] = (await Promise.race([once(createInterface({ input: child.stdout! }), "line"), ended])) as [
    string,
  ];
  ended.catch(() => {});
  return line;
}
