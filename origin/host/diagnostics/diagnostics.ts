import { readdirSync } from "node:fs";
import { arch, homedir, release, totalmem, uptime } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import type { Check } from "../../app.ts";
import { showSecrets, showSettings } from "../../config/show-settings.ts";
import type { Database } from "../../storage/database.ts";
import { openAlertStore } from "../alerts/alert-store.ts";
import { createArchiveWriter } from "../archive/archive.ts";
import type { Running } from "../data-lock.ts";
import { readDevice } from "../metrics/probes.ts";
import { runningVersion } from "../version.ts";
import { describeDatabases } from "./describe-databases.ts";
import { readTail } from "./read-tail.ts";

/** Of each log file the last so many bytes. */
const tailBytes = 256_000;
const mostLogs = 40;
const shownAlerts = 100;

/**
 * Everything that helps to find a fault and nothing that opens a door: a zip, whole in memory (some MB), each text
 * of it redacted before it is packed (A2, K2). Nothing is written to disk here.
 */
export async function collectDiagnostics(options: {
  dataDir: string;
  environment: NodeJS.ProcessEnv;
  checks: readonly Check[];
  running: Running | undefined;
  /** host.db, where it can be opened. */
  database: Database | undefined;
  /** What the daemon's supervisor tells; undefined when it was not asked or does not run. */
  services: unknown;
  redact: (text: string) => string;
  now: number;
}): Promise<Uint8Array> {
  const { dataDir, environment, checks, running, database, services, now } = options;
  const redact = (text: string) => options.redact(hideHome(text));
  const files = new Map<string, string>([
    ["about.json", json(describeSelf(running, now))],
    ["settings.json", json(attempt(() => describeSettings(dataDir, environment)))],
    ["doctor.json", json(checks)],
    ["services.json", json(services ?? "The daemon was not asked, or does not answer.")],
    ["alerts.json", json(database ? attempt(() => describeAlerts(database)) : "host.db cannot be opened.")],
    ["databases.json", json(attempt(() => describeDatabases(dataDir)))],
    ["device.json", json(readDevice(dataDir))],
  ]);
  for (const name of logNames(dataDir)) {
    files.set(`logs/${name}`, textOf(attempt(() => readTail(join(dataDir, "logs", name), tailBytes))));
  }
  return await pack(files, redact, new Date(now));
}

function describeSelf(running: Running | undefined, now: number) {
  return {
    made: new Date(now).toISOString(),
    burrow: runningVersion,
    node: process.version,
    platform: `${process.platform} ${arch()} ${release()}`,
    libraries: process.versions,
    device_up_seconds: Math.round(uptime()),
    device_memory_bytes: totalmem(),
    time_zone_offset_minutes: -new Date(now).getTimezoneOffset(),
    daemon: running ?? "not running",
  };
}

function describeSettings(dataDir: string, environment: NodeJS.ProcessEnv) {
  return { settings: showSettings(dataDir, environment), secrets: showSecrets(dataDir) };
}

function describeAlerts(database: Database) {
  const store = openAlertStore({ database, ports: [], now: Date.now, redact: (text) => text });
  return { open: store.open(), history: store.history(shownAlerts) };
}

function logNames(dataDir: string): string[] {
  try {
    return readdirSync(join(dataDir, "logs"), { withFileTypes: true })
      .filter((entry) => entry.isFile() && /^[\w.-]+\.log(?:\.1)?$/.test(entry.name))
      .map((entry) => entry.name)
      .slice(0, mostLogs);
  } catch {
    return [];
  }
}

/** One part that cannot be read must not take the others with it: what is broken is what this is about. */
function attempt<T>(work: () => T): T | { problem: string } {
  try {
    return work();
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function textOf(value: string | { problem: string }): string {
  return typeof value === "string" ? value : value.problem;
}

/** The home folder's name is often its owner's. */
function hideHome(text: string): string {
  const home = homedir();
  return home.length > 1 ? text.replaceAll(home, "~") : text;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

async function pack(
  files: ReadonlyMap<string, string>,
  redact: (text: string) => string,
  mtime: Date,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const sink = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const writer = createArchiveWriter("zip", sink);
  for (const [name, text] of files) {
    const bytes = Buffer.from(redact(text));
    await writer.addFile(name, bytes, bytes.length, { mtime });
  }
  await writer.finish();
  return Buffer.concat(chunks);
}
