import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import type { Config } from "../../config/config.ts";
import { makeDataFolder } from "../../config/data-folder.ts";
import { configFile } from "../../config/read-config.ts";
import { readEdgeKeys } from "../../config/secrets.ts";
import { databaseFolder } from "../../storage/databases.ts";
import { snapshotDatabase } from "../backup/snapshot.ts";
import type { Running } from "../data-lock.ts";
import { askDaemon } from "../ask-daemon.ts";
import { updateFolder } from "./installation.ts";
import { schemaOf } from "./settle.ts";
import { UpdateError } from "./update-error.ts";

const stopMs = 10_000;
const spareBytes = 20_000_000;

/**
 * Runs a version on a copy of the data, apart from everything: it must start, migrate what it migrates, say that it is
 * the version that it should be, and answer. Returns the databases whose schema it raised, with their schemas before.
 * Throws UpdateError saying what it said; the data and what runs are as they were, whatever happens.
 */
export async function tryRelease(options: {
  /** The version's folder. */
  release: string;
  version: string;
  config: Config;
  startMs: number;
}): Promise<Record<string, number>> {
  const { config, version } = options;
  const folder = join(updateFolder(config.dataDir), "trial");
  rmSync(folder, { recursive: true, force: true });
  checkRoom(config.dataDir);
  try {
    const before = await copyData(config.dataDir, folder);
    await run({ ...options, folder });
    const raised = Object.entries(before).filter(([name, schema]) => {
      return schemaOf(join(databaseFolder(folder), `${name}.db`)) > schema;
    });
    return Object.fromEntries(raised);
  } catch (error) {
    if (!(error instanceof UpdateError)) throw error;
    throw new UpdateError(
      `Version ${version} does not run on a copy of your data, so nothing was changed. ${error.message}`,
      { cause: error },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A disk that fills up in the middle would take the daemon with it. */
function checkRoom(dataDir: string): void {
  const folder = databaseFolder(dataDir);
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const bytes = files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  const { bavail, bsize } = statfsSync(dataDir);
  // One copy for the trial, one to return to, and what a migration writes meanwhile.
  const needed = 3 * bytes + spareBytes;
  if (bavail * bsize >= needed) return;
  throw new UpdateError(
    `The update needs ${Math.ceil(needed / 1_000_000)} MB of room for copies of the databases, and ${Math.floor((bavail * bsize) / 1_000_000)} MB are free in ${dataDir}. Nothing has changed.`,
  );
}

/** Without the blobs: no start reads them, and they may be many gigabytes. Answers each database's schema. */
async function copyData(dataDir: string, folder: string): Promise<Record<string, number>> {
  mkdirSync(updateFolder(dataDir), { recursive: true, mode: 0o700 });
  makeDataFolder(folder);
  copyFileSync(configFile(dataDir), configFile(folder));
  const secrets = join(dataDir, "secrets");
  mkdirSync(join(folder, "secrets"), { mode: 0o700 });
  for (const { name } of readdirSync(secrets, { withFileTypes: true }).filter((entry) => entry.isFile()))
    copyFileSync(join(secrets, name), join(folder, "secrets", name));
  mkdirSync(databaseFolder(folder), { mode: 0o700 });
  const schemas: Record<string, number> = {};
  const databases = databaseFolder(dataDir);
  for (const file of existsSync(databases) ? readdirSync(databases) : []) {
    if (!file.endsWith(".db")) continue;
    const name = basename(file, ".db");
    const copy = join(databaseFolder(folder), file);
    schemas[name] = (await snapshotDatabase(name, join(databases, file), copy)).schema;
  }
  return schemas;
}

async function run(options: {
  release: string;
  version: string;
  config: Config;
  startMs: number;
  folder: string;
}): Promise<void> {
  const { release, version, config, startMs, folder } = options;
  // Its standard input is its life line: it ends with us, however we end.
  const child = spawn("sh", [join(release, "bin", "burrow"), "--data", folder, "--json", "up", "--trial"], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...(process.getuid?.() === 0 && { BURROW_ALLOW_ROOT: "1" }) },
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-1_000)));
  child.stdin.on("error", () => undefined);
  const patience = setTimeout(() => child.kill("SIGKILL"), startMs);
  try {
    const line = await firstLine(child);
    const { origin, message } = (line === undefined ? {} : JSON.parse(line)) as {
      origin?: string;
      message?: string;
    };
    if (origin === undefined) throw new UpdateError(`It said: ${message ?? (said.trim() || "nothing")}`);
    const told = JSON.parse(readFileSync(join(folder, "running.json"), "utf8")) as Partial<Running>;
    if (told.version !== version)
      throw new UpdateError(`It says that it is version ${told.version ?? "(none)"}.`);
    const answer = await askDaemon({
      listen: origin,
      edgeKey: readEdgeKeys(folder)[0] ?? "",
      host: config.serverName,
      path: "/health",
      timeoutMs: startMs,
    });
    if (answer?.status !== 200)
      throw new UpdateError(`It starts, and answers ${answer?.status ?? "nothing"} when asked.`);
  } finally {
    clearTimeout(patience);
    await stop(child);
  }
}

async function firstLine(child: ChildProcess): Promise<string | undefined> {
  const lines = createInterface({ input: child.stdout! });
  const [line] = (await Promise.race([once(lines, "line"), once(lines, "close")])) as [string?];
  lines.close();
  // Nobody reads on, and a full pipe would hold it up.
  child.stdout?.resume();
  return line;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.stdin?.end();
  const patience = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await ended;
  clearTimeout(patience);
}
