/**
 * The figures, each beside the floor of the same run (see floor-server.ts), as ratios: this is no laboratory.
 * `npm run bench`; builds first, since the built form is what a device runs. With `-- --peer URL` another homeserver
 * stands beside ours instead (see load/compare.ts); with `-- --proxy` the proxy stands beside Caddy (proxy.ts).
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { makeDataFolder } from "../../origin/config/data-folder.ts";
import { createSecrets, readEdgeKeys } from "../../origin/config/secrets.ts";
import { createMembers } from "../../origin/members/create-members.ts";
import { membersMigrations } from "../../origin/members/migrations.ts";
import { openDatabase } from "../../origin/storage/database.ts";
import { chooseDriver } from "../../origin/storage/open-driver.ts";
import { freePort } from "../support/origin-process.ts";
import { createSignedClient, type SignedClient } from "../support/signed-client.ts";
import { compareWithPeer } from "./load/compare.ts";
import { benchProxy } from "./proxy.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const people = 50;
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peer: { type: "string" },
    "peer-pid": { type: "string" },
    "peer-data": { type: "string" },
    "peer-tokens": { type: "string" },
    load: { type: "boolean", default: false },
    proxy: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    only: { type: "string" },
  },
});
const messages = Number(positionals[0] ?? 2000);
/** Node's options for the origin alone, as `--cpu-prof --cpu-prof-dir=DIR`. */
const originOptions = process.env["BENCH_NODE_OPTIONS"] ?? "";
const folder = mkdtempSync(join(tmpdir(), "burrow-bench-"));
const dataDir = join(folder, "data");
const children: ChildProcess[] = [];

async function main(): Promise<void> {
  const tokens = await makeMembers();
  const edgeKey = readEdgeKeys(dataDir)[0] ?? "";
  const origin = await startOrigin(edgeKey);
  const client = createSignedClient({ origin: origin.url, edgeKey, host: "bench.localhost" });
  print("start", [
    ["start to first answer", `${origin.startMs} ms`, "target ≤ 500 ms"],
    ["memory when idle (RSS)", `${rss(origin.child)} MB`, "target ≤ 120 MB"],
  ]);

  const rows: string[][] = [];
  const smallRoom = await makeRoom(client, tokens.slice(0, 11));
  // Ours writes one row for all whom a message notifies. The other floor is the plain design: a counter for each.
  const floor = await startFloor(1);
  const floor10 = await startFloor(10);
  const measure = async (
    name: string,
    writers: number,
    work: (index: number, writer: number) => Promise<void>,
  ) => {
    const same = await throughput(writers, (index) => floorSend(floor, edgeKey, index));
    const counters = await throughput(writers, (index) => floorSend(floor10, edgeKey, index));
    const ours = await throughput(writers, work);
    rows.push([
      name,
      perSecond(ours),
      perSecond(same),
      ratio(ours, same),
      perSecond(counters),
      ratio(ours, counters),
    ]);
  };
  for (const writers of [1, 10]) {
    await measure(`${writers} writers, room of 11`, writers, (index, writer) =>
      send(client, tokens[writer]!, smallRoom, `${writers}-${index}`),
    );
  }
  const bigRoom = await makeRoom(client, tokens);
  const readers = await startReaders(client, tokens.slice(1), bigRoom);
  for (const writers of [1, 10]) {
    await measure(`${writers} writers, 49 readers`, writers, (index) =>
      send(client, tokens[0]!, bigRoom, `r${writers}-${index}`),
    );
  }
  print(
    "messages per second: ours; floor with the same rows, ratio; floor with 10 counters, ratio (target 0.5)",
    rows,
  );

  readers.arrived.length = 0;
  const cpuBefore = cpuMs(origin.child);
  const delivery = await measureDelivery(client, tokens[0]!, bigRoom, readers);
  print("delivery, 10 messages per second to 49 long-polling readers", [
    ["send → in a reader's hands, p50", milliseconds(quantile(delivery, 0.5)), "target ≤ 10 ms"],
    ["p95", milliseconds(quantile(delivery, 0.95)), `${delivery.length} deliveries`],
    ["origin's CPU for each delivery", milliseconds((cpuMs(origin.child) - cpuBefore) / delivery.length), ""],
  ]);
  await readers.stop();

  const floorGet = await latency(200, () =>
    floorClient(floor, edgeKey).request({ method: "GET", path: "/" }),
  );
  const sync: string[][] = [["floor: bare node:http GET", milliseconds(floorGet), ""]];
  let rooms = 0;
  for (const count of [10, 100, 1000]) {
    while (rooms < count) {
      await makeRoom(client, [tokens[49]!]);
      rooms += 1;
    }
    const begun = performance.now();
    const initial = await client.request({
      method: "GET",
      path: "/_matrix/client/v3/sync",
      token: tokens[49]!,
    });
    const initialMs = performance.now() - begun;
    const since = String(initial.json()["next_batch"]);
    const empty = await latency(200, () =>
      client.request({
        method: "GET",
        path: `/_matrix/client/v3/sync?timeout=0&since=${since}`,
        token: tokens[49]!,
      }),
    );
    sync.push([
      `empty incremental /sync, ${count} rooms`,
      milliseconds(empty),
      `${(empty / floorGet).toFixed(1)} × floor; initial ${initialMs.toFixed(0)} ms, ${(initial.text.length / 1024).toFixed(0)} KiB`,
    ]);
  }
  print("sync (p50)", sync);
  print("after the load", [["memory (RSS)", `${rss(origin.child)} MB`, ""]]);
  client.close();
  origin.child.kill("SIGTERM");
  await once(origin.child, "exit");
}

/** Members and their sessions straight into the database: 50 sign-ups are not what is measured. */
async function makeMembers(): Promise<string[]> {
  makeDataFolder(dataDir);
  makeDataFolder(join(dataDir, "databases"));
  const port = await freePort();
  writeFileSync(
    join(dataDir, "burrow.toml"),
    `server_name = "bench.localhost"\nlisten = "127.0.0.1:${port}"\n[matrix.rate_limits]\nenabled = false\n`,
  );
  createSecrets(dataDir);
  const database = openDatabase({
    name: "members",
    file: join(dataDir, "databases/members.db"),
    migrations: membersMigrations,
    open: chooseDriver(),
  });
  const members = createMembers({ database, now: Date.now });
  await members.createOwner({ name: "dora", password: "a long password for benchmarks" });
  const invite = await members.createInvite({
    name: "bench",
    uses: people,
    expiresInMs: 3_600_000,
    createdBy: null,
  });
  const tokens: string[] = [];
  for (let index = 0; index < people; index += 1) {
    const member = await members.register({
      name: `member${index}`,
      password: "a long password for benchmarks",
      inviteToken: invite.token,
    });
    tokens.push((await members.openSession(member.id, { address: "192.0.2.1" })).accessToken);
  }
  members.close();
  await database.close();
  return tokens;
}

async function startOrigin(edgeKey: string): Promise<{ url: string; child: ChildProcess; startMs: number }> {
  const address = /listen = "(.+)"/.exec(readFileSync(join(dataDir, "burrow.toml"), "utf8"))?.[1] ?? "";
  const url = `http://${address}`;
  const client = createSignedClient({ origin: url, edgeKey, host: "bench.localhost" });
  const begun = performance.now();
  const child = spawn(join(root, "bin/burrow"), ["--data", dataDir, "up"], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, BURROW_ALLOW_ROOT: "1", BURROW_LOG_LEVEL: "warn", NODE_OPTIONS: originOptions },
  });
  children.push(child);
  for (;;) {
    const answer = await client.request({ method: "GET", path: "/health" }).catch(() => undefined);
    if (answer?.status === 200) break;
    if (child.exitCode !== null) throw new Error("the origin ended at its start");
    await pause(5);
  }
  const startMs = Math.round(performance.now() - begun);
  client.close();
  return { url, child, startMs };
}

async function startFloor(counters: number): Promise<string> {
  const child = spawn(
    process.execPath,
    [join(root, "test/bench/floor-server.ts"), join(folder, `floor-${counters}.db`), String(counters)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  children.push(child);
  const [port] = await once(createInterface({ input: child.stdout }), "line");
  return `http://127.0.0.1:${port}`;
}

const floorClients = new Map<string, SignedClient>();
function floorClient(url: string, edgeKey: string): SignedClient {
  let client = floorClients.get(url);
  if (!client)
    floorClients.set(url, (client = createSignedClient({ origin: url, edgeKey, host: "bench.localhost" })));
  return client;
}

/** The same request, signed at the same cost, to the bare handler. */
async function floorSend(url: string, edgeKey: string, index: number): Promise<void> {
  await floorClient(url, edgeKey).request({
    method: "PUT",
    path: `/send/${index}`,
    token: "floor",
    body: message(index),
  });
}

const message = (index: number | string): object => ({
  msgtype: "m.text",
  body: `message ${index}, some forty letters long, as people write`,
});

async function send(client: SignedClient, token: string, roomId: string, id: string): Promise<void> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${id}`;
  const answer = await client.request({ method: "PUT", path, token, body: message(id) });
  if (answer.status !== 200) throw new Error(answer.text);
}

async function makeRoom(client: SignedClient, tokens: readonly string[]): Promise<string> {
  const [creator = "", ...others] = tokens;
  const made = await client.request({
    method: "POST",
    path: "/_matrix/client/v3/createRoom",
    token: creator,
    body: { preset: "public_chat", name: "bench" },
  });
  if (made.status !== 200) throw new Error(made.text);
  const roomId = String(made.json()["room_id"]);
  const path = `/_matrix/client/v3/join/${encodeURIComponent(roomId)}`;
  for (const token of others) {
    const joined = await client.request({ method: "POST", path, token, body: {} });
    if (joined.status !== 200) throw new Error(joined.text);
  }
  return roomId;
}

/** Operations per second: `writers` loops that each wait for their answer. */
async function throughput(
  writers: number,
  work: (index: number, writer: number) => Promise<void>,
): Promise<number> {
  let next = 0;
  const loop = async (writer: number): Promise<void> => {
    while (next < messages) await work((next += 1), writer);
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: writers }, (_, writer) => loop(writer)));
  return (messages / (performance.now() - begun)) * 1000;
}

async function latency(count: number, work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const begun = performance.now();
    await work();
    times.push(performance.now() - begun);
  }
  return quantile(times, 0.5);
}

interface Readers {
  arrived: { body: string; at: number }[];
  stop(): Promise<void>;
}

/** Each reader long-polls /sync as a client does, for the one room. */
async function startReaders(
  client: SignedClient,
  tokens: readonly string[],
  roomId: string,
): Promise<Readers> {
  const abort = new AbortController();
  const arrived: Readers["arrived"] = [];
  const filter = encodeURIComponent(JSON.stringify({ room: { timeline: { limit: 50 } } }));
  const first = await Promise.all(
    tokens.map((token) =>
      client.request({ method: "GET", path: `/_matrix/client/v3/sync?filter=${filter}`, token }),
    ),
  );
  const loops = tokens.map(async (token, index) => {
    let since = String(first[index]!.json()["next_batch"]);
    while (!abort.signal.aborted) {
      const path = `/_matrix/client/v3/sync?filter=${filter}&timeout=10000&since=${since}`;
      const answer = await client
        .request({ method: "GET", path, token, signal: abort.signal })
        .catch(() => undefined);
      if (!answer) return;
      const at = performance.now();
      const body = answer.json<{
        next_batch: string;
        rooms?: { join?: Record<string, { timeline?: { events: { content: { body?: string } }[] } }> };
      }>();
      since = body.next_batch;
      for (const event of body.rooms?.join?.[roomId]?.timeline?.events ?? []) {
        if (event.content.body) arrived.push({ body: event.content.body, at });
      }
    }
  });
  return {
    arrived,
    async stop() {
      abort.abort();
      await Promise.all(loops);
    },
  };
}

/** Open loop: a message is due every 100 ms whether or not the one before has been answered. */
async function measureDelivery(
  client: SignedClient,
  token: string,
  roomId: string,
  readers: Readers,
): Promise<number[]> {
  const count = 100;
  const sentAt = new Map<string, number>();
  const sends: Promise<void>[] = [];
  const begun = performance.now();
  for (let index = 0; index < count; index += 1) {
    const due = begun + index * 100;
    if (due > performance.now()) await pause(due - performance.now());
    const id = `delivery-${index}`;
    sentAt.set((message(id) as { body: string }).body, due);
    sends.push(send(client, token, roomId, id));
  }
  await Promise.all(sends);
  await pause(500);
  return readers.arrived.flatMap(({ body, at }) => {
    const sent = sentAt.get(body);
    return sent === undefined ? [] : [at - sent];
  });
}

function rss(child: ChildProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

/** User and system time so far; the kernel counts in ticks of 10 ms. */
function cpuMs(child: ChildProcess): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

function print(title: string, rows: string[][]): void {
  console.log(`\n${title}`);
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  for (const [name = "", ...cells] of rows)
    console.log(`  ${name.padEnd(width)}  ${cells.map((cell) => cell.padStart(10)).join("  ")}`);
}

const perSecond = (value: number): string => `${value.toFixed(0)}/s`;
const ratio = (ours: number, floor: number): string => (ours / floor).toFixed(2);
const milliseconds = (value: number): string => `${value.toFixed(2)} ms`;

try {
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"], { cwd: root });
  execFileSync(process.execPath, [join(root, "tools/finish-build.ts")], { cwd: root });
  if (flags.proxy) {
    const start = (child: ChildProcess): void => void children.push(child);
    await benchProxy({ folder, root, quick: flags.quick, start });
  } else if (flags.load || flags.peer !== undefined) {
    const comparison = {
      peer: flags.peer,
      peerPid: flags["peer-pid"] === undefined ? undefined : Number(flags["peer-pid"]),
      peerData: flags["peer-data"],
      peerTokens: flags["peer-tokens"],
      quick: flags.quick,
      only: flags.only,
    };
    await compareWithPeer(comparison, folder);
  } else await main();
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
