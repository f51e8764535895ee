import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { stringify } from "smol-toml";

import { makeDataFolder } from "../../../origin/config/data-folder.ts";
import { configFile, readConfig } from "../../../origin/config/read-config.ts";
import { createSecrets, openSecrets, writeSecret } from "../../../origin/config/secrets.ts";
import { type Alerts, createAlerts } from "../../../origin/host/alerts/alerts.ts";
import { openHostDatabase } from "../../../origin/host/host-database.ts";
import { createLog } from "../../../origin/host/log.ts";
import type { Schedule } from "../../../origin/host/supervisor/service.ts";
import { startSupervisor, type Supervisor } from "../../../origin/host/supervisor/supervisor.ts";
import { openDatabases } from "../../../origin/storage/databases.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A test, or whatever else ends at some time. */
interface Ending {
  after(work: () => unknown): void;
}

/** A clock that the test turns. */
export interface Clock {
  readonly schedule: Schedule;
  advance(ms: number): void;
}

export function createClock(): Clock {
  let time = 0;
  let timers: { at: number; work: () => void }[] = [];
  return {
    schedule(afterMs, work) {
      const timer = { at: time + afterMs, work };
      timers.push(timer);
      return () => (timers = timers.filter((other) => other !== timer));
    },
    advance(ms) {
      const end = time + ms;
      for (;;) {
        const [next] = timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
        if (!next) break;
        timers = timers.filter((other) => other !== next);
        time = next.at;
        next.work();
      }
      time = end;
    },
  };
}

/** Turns the clock on until something has happened that takes real processes and sockets a while as well. */
export async function turnUntil(clock: Clock, happened: Promise<unknown>, stepMs = 1_000): Promise<void> {
  for (let done = false; !done; ) {
    clock.advance(stepMs);
    const pause = new Promise<boolean>((next) => setTimeout(next, 5, false));
    done = await Promise.race([happened.then(() => true), pause]);
  }
}

export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string };

export interface Supervised {
  readonly supervisor: Supervisor;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly dataDir: string;
  readonly folder: string;
  /** Resolves with the log's `count`th line of this event, of this service when one is named. */
  readonly logged: (event: string, service?: string, count?: number) => Promise<LogLine>;
  readonly log: readonly LogLine[];
  /** Empties the log that `logged` looks in. */
  forget(): void;
}

export interface ServiceTable {
  readonly name: string;
  readonly command: readonly string[];
  readonly [key: string]: unknown;
}

/** Where a supervisor may work: a data folder, and beside it the folder of the services file. */
export function prepareFolders(t: Ending, settings = ""): { folder: string; dataDir: string } {
  const folder = temporaryFolder(t);
  const dataDir = join(folder, "data");
  makeDataFolder(dataDir);
  writeFileSync(configFile(dataDir), `server_name = "example.org"\n${settings}`, { mode: 0o600 });
  createSecrets(dataDir);
  mkdirSync(join(folder, "config"), { mode: 0o700 });
  return { folder, dataDir };
}

export function writeServices(folder: string, text: string): string {
  const path = join(folder, "config", "services.toml");
  writeFileSync(path, text);
  chmodSync(path, 0o600);
  return path;
}

/** A supervisor on real processes, with a clock that stands still. Ends with the test. */
export async function supervise(
  t: Ending,
  options: {
    services: readonly ServiceTable[];
    cloudflared?: string;
    token?: string;
    settings?: string;
    proc?: string;
    held?: boolean;
    folders?: { folder: string; dataDir: string };
  },
): Promise<Supervised> {
  const { folder, dataDir } = options.folders ?? prepareFolders(t, options.settings);
  if (options.token !== undefined) writeSecret(dataDir, "tunnel-token", options.token);
  const servicesFile = writeServices(
    folder,
    stringify({
      service: options.services,
      ...(options.cloudflared !== undefined && { cloudflared: { binary: options.cloudflared } }),
    }),
  );
  const lines: LogLine[] = [];
  let waiting: (() => void)[] = [];
  const log = createLog({
    level: "debug",
    now: Date.now,
    write(line) {
      lines.push(JSON.parse(line) as LogLine);
      for (const resolve of waiting.splice(0)) resolve();
    },
  });
  const config = readConfig({ dataDir, environment: {} });
  const databases = openDatabases(dataDir);
  const outbound = { fetch: () => Promise.reject(new Error("no port is set")) };
  const alerts = createAlerts({
    database: openHostDatabase(databases),
    outbound,
    config,
    secrets: openSecrets(config, log),
    log,
    now: Date.now,
  });
  const clock = createClock();
  const supervisor = await startSupervisor({
    config,
    log,
    alerts,
    now: Date.now,
    address: {
      kind: "unix",
      path: join(dataDir, "origin.sock"),
      text: `unix:${join(dataDir, "origin.sock")}`,
    },
    servicesFile,
    schedule: clock.schedule,
    environment: { PATH: process.env["PATH"] },
    ...(options.proc !== undefined && { proc: options.proc }),
    ...(options.held !== undefined && { held: options.held }),
  });
  t.after(async () => {
    // Whoever ignores SIGTERM is ended when the clock says so.
    await turnUntil(clock, supervisor.close(), 5_000);
    await alerts.close();
    await databases.close();
  });
  return {
    supervisor,
    alerts,
    clock,
    dataDir,
    folder,
    log: lines,
    forget: () => void lines.splice(0),
    async logged(event, service, count = 1) {
      for (;;) {
        const found = lines.filter(
          (line) => line.event === event && (service === undefined || line["service"] === service),
        );
        const line = found[count - 1];
        if (line) return line;
        await new Promise<void>((resolve) => (waiting = [...waiting, resolve]));
      }
    },
  };
}

/** Where the children of a test report: an open connection is a living process. */
export interface Beacon {
  readonly port: number;
  /** The next report that is not taken yet. */
  next(): Promise<Report>;
}

export interface Report {
  /** What the child said in its first line. */
  readonly said: { readonly pid: number; readonly [key: string]: unknown };
  /** Resolves when the process is gone. */
  readonly gone: Promise<unknown>;
}

export async function lightBeacon(t: Ending): Promise<Beacon> {
  const reports: Report[] = [];
  const sockets = new Set<Socket>();
  let waiting: (() => void)[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    const gone = once(socket, "close");
    createInterface({ input: socket }).once("line", (line) => {
      reports.push({ said: JSON.parse(line) as Report["said"], gone });
      for (const resolve of waiting.splice(0)) resolve();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    async next() {
      for (;;) {
        const report = reports.shift();
        if (report) return report;
        await new Promise<void>((resolve) => (waiting = [...waiting, resolve]));
      }
    },
  };
}

/** The start of a child's program: `say({...})` reports to the beacon. Connection and process end together: nothing outlives a test. */
export function reporting(beacon: Beacon): string {
  return `const say = (what) => require("node:net").connect(${beacon.port}, "127.0.0.1", function () {
    this.write(JSON.stringify({ pid: process.pid, ...what }) + "\\n");
  }).on("close", () => process.exit(0)).on("error", () => {});\n`;
}

/** A service that runs this program in Node. */
export function nodeService(name: string, program: string, more: Record<string, unknown> = {}): ServiceTable {
  return { name, command: [process.execPath, "-e", program], ...more };
}

/**
 * A port that is free for TCP and UDP, below those that the kernel gives out by itself: it stays free until the
 * child takes it, however busy the machine is.
 */
export async function lowPort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_300, 32_000);
    if ((await isFree(createServer().listen(port, "0.0.0.0"))) && (await isFree(bindUdp(port)))) return port;
  }
}

function bindUdp(port: number): ReturnType<typeof createSocket> {
  const socket = createSocket("udp4");
  socket.bind(port, "0.0.0.0");
  return socket;
}

async function isFree(bound: Server | ReturnType<typeof createSocket>): Promise<boolean> {
  try {
    await once(bound, "listening");
  } catch {
    return false;
  }
  bound.close();
  await once(bound, "close");
  return true;
}

/** Ends the process of the only service, as a crash would. */
export function crashService(supervisor: Supervisor): void {
  const pid = supervisor.status()[0]?.pid;
  // process.kill(0) would end this test and its whole group.
  assert.ok(pid);
  process.kill(pid, "SIGKILL");
}
