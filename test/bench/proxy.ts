/**
 * The proxy for other people's apps beside Caddy (Debian's), before the same upstream, in slices of time that alternate.
 * Both get the same signed requests; only ours verifies them, and says what that costs. `npm run bench -- --proxy`.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "undici";

import { makeDataFolder } from "../../origin/config/data-folder.ts";
import { createSecrets, readEdgeKeys } from "../../origin/config/secrets.ts";
import { createEdgeProof } from "../../origin/http/edge-proof.ts";
import { openNonces } from "../../origin/http/nonces.ts";
import { createMembers } from "../../origin/members/create-members.ts";
import { membersMigrations } from "../../origin/members/migrations.ts";
import { openDatabase } from "../../origin/storage/database.ts";
import { chooseDriver } from "../../origin/storage/open-driver.ts";
import { freePort } from "../support/origin-process.ts";
import { createSigner } from "../support/signed-client.ts";
import { createRandom, planArrivals } from "./load/arrivals.ts";
import { createHistogram, type Histogram } from "./load/histogram.ts";
import { runBacklog, runOpenLoop } from "./load/open-loop.ts";
import { createProbe, type ProcessProbe } from "./load/process-probe.ts";

const clients = 32;
const sliceSeconds = 2;
const largeBytes = 1_000_000_000;

/** One way to the upstream. */
interface Way {
  readonly name: string;
  readonly url: string;
  readonly probe: ProcessProbe;
  headers(method: string, path: string): Record<string, string>;
}

interface Rate {
  readonly perSecond: number[];
  readonly cpuMicroseconds: number[];
  readonly latency: Histogram;
}

/** Prints the figures. `start` keeps a process for the caller to end. */
export async function benchProxy(options: {
  folder: string;
  root: string;
  quick: boolean;
  start: (child: ChildProcess) => void;
}): Promise<void> {
  const { folder, quick } = options;
  const rounds = quick ? 3 : 7;
  const upstream = spawn(process.execPath, [join(options.root, "test/bench/proxy-upstream.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  options.start(upstream);
  const [port] = (await once(createInterface({ input: upstream.stdout }), "line")) as [string];
  const address = `127.0.0.1:${port}`;
  const ours = await startOurs(options, address);
  const caddy = await startCaddy(options, address);
  const [first] = ours;
  const ways = [...ours, ...(caddy ? [caddy] : [])];
  if (!first) throw new Error("nothing was started");

  const rates = new Map(ways.map((way) => [way, emptyRate()]));
  for (const way of ways) await backlog(way, emptyRate(), 1);
  for (let round = 0; round < rounds; round += 1) {
    for (const way of ways) await backlog(way, rates.get(way) ?? emptyRate(), sliceSeconds);
  }
  const peer = caddy && rates.get(caddy);
  print(`1 KB, ${clients} connections, as many as it takes (median of ${rounds} slices)`, [
    ["", "a second", "× Caddy", "CPU each", "p99"],
    ...ways.map((way) => {
      const rate = rates.get(way) ?? emptyRate();
      return [
        way.name,
        median(rate.perSecond).toFixed(0),
        ratio(rate.perSecond, peer?.perSecond),
        `${median(rate.cpuMicroseconds).toFixed(0)} µs`,
        `${rate.latency.quantile(0.99).toFixed(1)} ms`,
      ];
    }),
  ]);
  const proof = measureProof(folder);
  const each = median(rates.get(first)?.cpuMicroseconds ?? []);
  print("the proof's share", [
    [
      "verifying a request and proving its reply",
      `${proof.toFixed(0)} µs`,
      `${((100 * proof) / each).toFixed(0)} % of a small request's CPU`,
    ],
  ]);

  const slowest = Math.min(...ways.map((way) => median(rates.get(way)?.perSecond ?? [])));
  const due = Math.round(slowest / 2);
  const open99 = new Map(ways.map((way) => [way, createHistogram()]));
  for (let round = 0; round < rounds; round += 1) {
    for (const way of ways) open99.get(way)?.add(await openLoop(way, due, round));
  }
  const peer99 = caddy && open99.get(caddy)?.quantile(0.99);
  print(`1 KB, open loop, ${due} a second (half of what the slowest makes)`, [
    ["", "p50", "p99", "p99 × Caddy"],
    ...ways.map((way) => {
      const latency = open99.get(way) ?? createHistogram();
      const p99 = latency.quantile(0.99);
      return [
        way.name,
        `${latency.quantile(0.5).toFixed(2)} ms`,
        `${p99.toFixed(2)} ms`,
        peer99 === undefined ? "" : (p99 / peer99).toFixed(2),
      ];
    }),
  ]);

  for (const direction of ["down", "up"] as const) {
    const few = [first, ...(caddy ? [caddy] : [])];
    const speeds = new Map(few.map((way) => [way, { speed: [] as number[], cpu: [] as number[] }]));
    for (let round = 0; round < rounds; round += 1) {
      for (const way of few) {
        const before = way.probe.cpuSeconds();
        const begun = performance.now();
        await (direction === "down" ? download(way) : upload(way));
        speeds.get(way)?.speed.push(largeBytes / 1e3 / (performance.now() - begun));
        speeds.get(way)?.cpu.push(way.probe.cpuSeconds() - before);
      }
    }
    const peerSpeed = caddy && speeds.get(caddy)?.speed;
    print(`1 GB ${direction} (median of ${rounds})`, [
      ["", "MB/s", "× Caddy", "CPU", "memory, most"],
      ...few.map((way) => [
        way.name,
        median(speeds.get(way)?.speed ?? []).toFixed(0),
        ratio(speeds.get(way)?.speed ?? [], peerSpeed),
        `${median(speeds.get(way)?.cpu ?? []).toFixed(2)} s`,
        `${way.probe.memory().peak.toFixed(0)} MB`,
      ]),
    ]);
  }
  if (!caddy) console.log("\nno Caddy beside it: apt-get install caddy");
}

const membersHost = "members.bench.localhost";

/** Twice the same app: open to everybody, and to members, one of whom comes by browser and by app password. */
async function startOurs(
  { folder, root, start }: { folder: string; root: string; start: (child: ChildProcess) => void },
  upstream: string,
): Promise<Way[]> {
  const dataDir = join(folder, "proxy");
  makeDataFolder(dataDir);
  makeDataFolder(join(dataDir, "databases"));
  const port = await freePort();
  writeFileSync(
    join(dataDir, "burrow.toml"),
    `server_name = "bench.localhost"\nlisten = "127.0.0.1:${port}"\n` +
      `[[app]]\nname = "open"\nupstream = "http://${upstream}"\nwho = "everyone"\n` +
      `[[app]]\nname = "members"\nupstream = "http://${upstream}"\napp_passwords = true\n`,
  );
  createSecrets(dataDir);
  const database = openDatabase({
    name: "members",
    file: join(dataDir, "databases/members.db"),
    migrations: membersMigrations,
    open: chooseDriver(),
  });
  const members = createMembers({ database, now: Date.now });
  const { id } = await members.createOwner({ name: "dora", password: "a long password for benchmarks" });
  const request = { memberId: id, kind: "app-password", name: "bench", scopes: ["apps"] } as const;
  const { secret } = await members.keys.create({ via: "device" }, request);
  const browser = { host: "id.bench.localhost", address: "192.0.2.1", userAgent: "bench" };
  const signedIn = await members.webSessions.open(id, browser);
  const session = await members.webSessions.openChild(signedIn.id, { ...browser, host: membersHost });
  members.close();
  await database.close();

  const child = spawn(join(root, "bin/burrow"), ["--data", dataDir, "up"], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      BURROW_ALLOW_ROOT: "1",
      BURROW_LOG_LEVEL: "warn",
      NODE_OPTIONS: process.env["BENCH_NODE_OPTIONS"] ?? "",
    },
  });
  start(child);
  await listening(port);
  const edgeKey = readEdgeKeys(dataDir)[0] ?? "";
  const probe = createProbe(child.pid, undefined);
  const way = (name: string, host: string, more: Record<string, string>): Way => {
    const sign = createSigner({ edgeKey, host });
    return {
      name,
      url: `http://127.0.0.1:${port}`,
      probe,
      headers: (method, path) => ({ ...usual, ...sign({ method, path }), ...more }),
    };
  };
  const authorization = `Basic ${Buffer.from(`dora:${secret}`).toString("base64")}`;
  return [
    way("ours, open to everyone", "open.bench.localhost", {}),
    way("ours, a member's browser", membersHost, { cookie: `__Host-burrow-session=${session?.token}` }),
    way("ours, a member's app password", membersHost, { authorization }),
  ];
}

const usual = { accept: "*/*", "user-agent": "bench", "accept-encoding": "identity" };

async function startCaddy(
  { folder, start }: { folder: string; start: (child: ChildProcess) => void },
  upstream: string,
): Promise<Way | undefined> {
  try {
    execFileSync("caddy", ["version"], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  const port = await freePort();
  const home = join(folder, "caddy");
  mkdirSync(home);
  const config = join(home, "Caddyfile");
  writeFileSync(
    config,
    `{\n admin off\n auto_https off\n}\nhttp://127.0.0.1:${port} {\n bind 127.0.0.1\n reverse_proxy ${upstream}\n}\n`,
  );
  const child = spawn("caddy", ["run", "--config", config, "--adapter", "caddyfile"], {
    stdio: "ignore",
    env: { ...process.env, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home },
  });
  start(child);
  await listening(port);
  const key = `k1.${Buffer.alloc(32, 1).toString("base64url")}`;
  const sign = createSigner({ edgeKey: key, host: "open.bench.localhost" });
  return {
    name: "Caddy",
    url: `http://127.0.0.1:${port}`,
    probe: createProbe(child.pid, undefined),
    headers: (method, path) => ({ ...usual, ...sign({ method, path }), host: `127.0.0.1:${port}` }),
  };
}

async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await pause(20);
  }
}

function emptyRate(): Rate {
  return { perSecond: [], cpuMicroseconds: [], latency: createHistogram() };
}

async function backlog(way: Way, into: Rate, seconds: number): Promise<void> {
  const connections = open(way);
  const before = way.probe.cpuSeconds();
  const outcome = await runBacklog({
    seconds,
    clients,
    work: (index, client) => ask(connections[client]!, way, `/small/${index}`),
  });
  if (outcome.failed > 0) throw new Error(`${way.name}: ${outcome.failed} requests failed`);
  into.perSecond.push(outcome.done / outcome.seconds);
  into.cpuMicroseconds.push(((way.probe.cpuSeconds() - before) / outcome.done) * 1e6);
  into.latency.add(outcome.latency);
  await close(connections);
}

async function openLoop(way: Way, perSecond: number, seed: number): Promise<Histogram> {
  const connections = open(way);
  const outcome = await runOpenLoop({
    arrivals: planArrivals({ perSecond, seconds: sliceSeconds, random: createRandom(seed) }),
    clients,
    work: (index, client) => ask(connections[client]!, way, `/small/${index}`),
  });
  if (outcome.failed > 0) throw new Error(`${way.name}: ${outcome.failed} requests failed`);
  await close(connections);
  return outcome.latency;
}

function open(way: Way): Client[] {
  return Array.from({ length: clients }, () => new Client(way.url, { pipelining: 1, bodyTimeout: 0 }));
}

async function close(connections: readonly Client[]): Promise<void> {
  await Promise.all(connections.map((connection) => connection.destroy()));
}

/** Counts what comes, by the dispatcher's own events: the generator shares the machine with what it measures. */
function ask(
  connection: Client,
  way: Way,
  path: string,
  content?: { readonly bytes: number; readonly body: AsyncIterable<Uint8Array> },
): Promise<void> {
  const method = content ? "PUT" : "GET";
  return new Promise((resolve, reject) => {
    let status = 0;
    let bytes = 0;
    let expected = 0;
    connection.dispatch(
      {
        method,
        path,
        headers: {
          ...way.headers(method, path),
          ...(content && { "content-length": String(content.bytes) }),
        },
        ...(content && { body: content.body as never }),
      },
      {
        onRequestStart() {},
        onResponseStart(_, code, headers) {
          status = code;
          expected = Number(headers["content-length"] ?? Number.NaN);
        },
        onResponseData: (_, chunk) => void (bytes += chunk.length),
        onResponseEnd() {
          const isWhole = Number.isNaN(expected) || expected === bytes;
          if (status === 200 && isWhole) resolve();
          else reject(new Error(`${way.name}: ${method} ${path}: ${status}, ${bytes} bytes`));
        },
        onResponseError: (_, error) => reject(error),
      },
    );
  });
}

async function download(way: Way): Promise<void> {
  const connection = new Client(way.url);
  await ask(connection, way, `/large/${largeBytes}`);
  await connection.destroy();
}

const part = Buffer.alloc(250_000, "c");

async function upload(way: Way): Promise<void> {
  const connection = new Client(way.url);
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let sent = 0; sent < largeBytes; sent += part.length) yield part;
  }
  await ask(connection, way, "/upload", { bytes: largeBytes, body: body() });
  await connection.destroy();
}

/** Microseconds of one core that the proof takes of each request, by itself. */
function measureProof(folder: string): number {
  const key = `k1.${Buffer.alloc(32, 1).toString("base64url")}`;
  const nonces = openNonces({ folder: join(folder, "proof-nonces"), now: Date.now });
  const proof = createEdgeProof({ keys: [key], now: Date.now, nonces, panic: () => "none" });
  const sign = createSigner({ edgeKey: key, host: "open.bench.localhost" });
  const count = 20_000;
  const requests = Array.from({ length: count }, (_, index) => {
    const path = `/small/${index}`;
    const rawHeaders = Object.entries({ ...usual, ...sign({ method: "GET", path }) }).flat();
    return { method: "GET", url: path, rawHeaders } as unknown as IncomingMessage;
  });
  const before = process.cpuUsage();
  for (const request of requests) proof.replyHeader(proof.verify(request), 200);
  const { user, system } = process.cpuUsage(before);
  nonces.close();
  return (user + system) / count;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Slice by slice, for a machine that others use changes from one to the next. */
function ratio(ours: readonly number[], peer: readonly number[] | undefined): string {
  if (!peer) return "";
  return median(ours.map((value, index) => value / (peer[index] ?? Number.NaN))).toFixed(2);
}

function print(title: string, rows: readonly (readonly string[])[]): void {
  console.log(`\n${title}`);
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  for (const [name = "", ...cells] of rows)
    console.log(`  ${name.padEnd(width)}  ${cells.map((cell) => cell.padStart(12)).join("  ")}`);
}
