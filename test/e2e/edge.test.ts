import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Agent } from "undici";
import { WebSocket } from "ws";

import { EdgeStartError, startEdge } from "../../origin/cli/dev/edge-process.ts";
import type { RunningEdge } from "../../origin/cli/dev/edge-process.ts";
import { createDirectHop } from "../../origin/host/outbound/direct-hop.ts";
import { createEdgeHop } from "../../origin/host/outbound/edge-hop.ts";
import { makeEdgeKey } from "../http/signed-request.ts";
import { sendRaw, startEdgeOrigin } from "./edge-origin.ts";
import type { EdgeOrigin } from "./edge-origin.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const KEY = makeEdgeKey("k1");
const HOUR_MS = 3_600_000;

let folder: string;
let origin: EdgeOrigin;
let edge: RunningEdge;
/** The origin's clock, which the edge does not share. */
let originAhead = 0;

interface Echo {
  method: string;
  url: string;
  verdict: { client: Record<string, unknown> };
  headers: Record<string, string>;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "burrow edge "));
  origin = await startEdgeOrigin({
    key: KEY,
    folder: join(folder, "nonces"),
    now: () => Date.now() + originAhead,
  });
  edge = await startEdge({
    root: ROOT,
    origin: `127.0.0.1:${origin.port}`,
    edgeKey: KEY,
    hosts: "127.0.0.1=home",
    port: 0,
    persistDir: join(folder, "edge"),
  });
});

after(async () => {
  await edge?.stop();
  await origin?.stop();
  await rm(folder, { recursive: true, force: true });
});

test("odd addresses are signed and verified, and reach the origin as the URL standard has them", async () => {
  const long = `/${"a".repeat(16_000)}`;
  const cases: [sent: string, received?: string][] = [
    ["/_matrix/client/v3/rooms/!room:example.org"],
    ["/%21room%3Aexample.org"],
    ["/%24event"],
    ["/%23alias%3Aexample.org%2Fx%2f"],
    ["/a//b//"],
    ["//leading"],
    ["/a?"],
    ["/a?b=1&&c=%20+;?"],
    ["/%zz%"],
    ["/%00"],
    ["/%ff%C3%A9%c3%a9"],
    ["/a/../b/./c", "/b/c"],
    ["/é/ü", "/%C3%A9/%C3%BC"],
    ["/a?b='", "/a?b=%27"],
    ["/a'[]"],
    [long],
  ];
  for (const [sent, received = sent] of cases) {
    const { status, body } = await sendRaw(edge.url, sent);
    assert.equal(status, 200, `${sent.slice(0, 60)}: ${body}`);
    assert.equal((JSON.parse(body) as Echo).url, received, sent.slice(0, 60));
  }
});

test("what two readers could read differently is refused at the edge", async () => {
  for (const [target, status] of [
    ["/a%5Cb", 400],
    ["/%2E%2E%2Fx", 400],
    [`/${"a".repeat(17_000)}`, 414],
  ] as const)
    assert.equal((await sendRaw(edge.url, target)).status, status, target);
});

test("the origin learns of the client from the edge alone", async () => {
  const response = await fetch(`${edge.url}/who`, {
    method: "PROPFIND",
    headers: {
      "x-forwarded-for": "203.0.113.9",
      "X-Real-IP": "203.0.113.9",
      burrow_client: 'host="admin"',
      "remote-user": "ada",
      cookie: "a=1; CF_Authorization=x",
      depth: "1",
    },
  });
  assert.equal(response.status, 200);
  const echo = (await response.json()) as Echo;
  assert.equal(echo.method, "PROPFIND");
  const { time: _, ...client } = echo.verdict.client;
  const port = Number(new URL(edge.url).port);
  assert.deepEqual(client, { host: "127.0.0.1", port, scheme: "http", addr: "127.0.0.1" });
  for (const name of ["x-forwarded-for", "x-real-ip", "burrow_client", "remote-user"])
    assert.equal(echo.headers[name], undefined, name);
  assert.equal(echo.headers["cookie"], "a=1");
  assert.equal(echo.headers["depth"], "1");
  assert.equal(echo.headers["accept-encoding"], "identity");
});

test("an unknown host gets 421 and nothing else", async () => {
  const unknown = await fetch(edge.url.replace("127.0.0.1", "localhost"));
  assert.equal(unknown.status, 421);
  assert.equal(await unknown.text(), "");
});

test("a WebSocket passes through with its subprotocol", async () => {
  const socket = new WebSocket(`${edge.url.replace("http", "ws")}/socket`, ["chat.example.org"]);
  await once(socket, "open");
  assert.equal(socket.protocol, "chat.example.org");
  for (const text of ["one", "two", "x".repeat(200_000)]) {
    socket.send(text);
    const [data] = (await once(socket, "message")) as [Buffer];
    assert.equal(data.toString(), text);
  }
  socket.close(4001, "done");
  const [code] = (await once(socket, "close")) as [number];
  assert.equal(code, 4001);
});

test("an event stream is not held back, and its reader's leaving reaches the origin", async () => {
  const opened = once(origin.seen, "events-open") as Promise<[ServerResponse]>;
  const controller = new AbortController();
  const response = await fetch(`${edge.url}/events`, { signal: controller.signal });
  const [outgoing] = await opened;
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const readText = async (): Promise<string> => Buffer.from((await reader.read()).value ?? []).toString();
  assert.equal(await readText(), "data: first\n\n");
  // Each is written only after the one before has arrived: nothing waits for more.
  for (const text of ["data: second\n\n", "data: third\n\n"]) {
    outgoing.write(text);
    assert.equal(await readText(), text);
  }
  const closed = once(origin.seen, "events-closed");
  controller.abort();
  // The edge learns of it when it has something to write.
  const writing = setInterval(() => outgoing.write(": still there\n\n"), 50);
  await closed;
  clearInterval(writing);
});

test("bodies stream both ways, with and without a declared length", async () => {
  const count = async (body: BodyInit): Promise<unknown> => {
    const init = { method: "POST", body, duplex: "half" } as RequestInit;
    return (await fetch(`${edge.url}/count`, init)).json();
  };
  assert.deepEqual(await count(new Uint8Array(20_000_000)), { bytes: 20_000_000, length: "20000000" });
  assert.deepEqual(await count(chunked(20)), { bytes: 20_000_000, length: null });

  const download = await fetch(`${edge.url}/download`);
  let bytes = 0;
  for await (const part of download.body as unknown as AsyncIterable<Uint8Array>) bytes += part.length;
  assert.equal(bytes, 50_000_000);

  // A part comes back before the next is sent, so neither side gathers the whole.
  const sending = new TransformStream<Uint8Array, Uint8Array>();
  const writer = sending.writable.getWriter();
  const init = { method: "POST", body: sending.readable, duplex: "half" } as RequestInit;
  const answering = fetch(`${edge.url}/echo`, init);
  void writer.write(new TextEncoder().encode("ping"));
  const reader = ((await answering).body as ReadableStream<Uint8Array>).getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "ping");
  await writer.close();
  assert.equal((await reader.read()).done, true);
});

test("a body over the cap is 413, declared or not, and told the way for larger files", async () => {
  const response = await fetch(`${edge.url}/count`, { method: "POST", body: new Uint8Array(99_000_001) });
  assert.equal(response.status, 413);
  assert.match(await response.text(), /in parts/);
  const init = { method: "POST", body: chunked(100), duplex: "half" } as RequestInit;
  assert.equal((await fetch(`${edge.url}/count`, init)).status, 413);
});

test("an upload that its client leaves never looks whole to the origin", async () => {
  for (const headers of [{}, { "content-length": 1000 }]) {
    const ended = Promise.race([
      once(origin.seen, "complete").then(() => "complete"),
      once(origin.seen, "abort").then(() => "abort"),
    ]);
    const started = once(origin.seen, "upload");
    const sending = request(`${edge.url}/count`, { method: "POST", headers });
    sending.on("error", () => undefined);
    sending.write("a part");
    await started;
    sending.destroy();
    assert.equal(await ended, "abort");
  }
});

test("a clock that is an hour off does no harm, to requests with a body neither", async () => {
  for (const ahead of [HOUR_MS, -HOUR_MS]) {
    originAhead = ahead;
    assert.equal((await fetch(`${edge.url}/a`)).status, 200);
    assert.equal((await fetch(`${edge.url}/count`, { method: "POST", body: "hello" })).status, 200);
    const skew = origin.proof.diagnosis().clockSkewSeconds ?? 0;
    assert.ok(Math.abs(skew - ahead / 1000) <= 2, `${skew}`);
  }
  originAhead = 0;
  // Nothing without a body came between: this one is refused once, and the next is right.
  const first = await fetch(`${edge.url}/count`, { method: "POST", body: "hello" });
  assert.equal(first.status, 503);
  assert.equal(first.headers.get("retry-after"), "1");
  assert.equal((await fetch(`${edge.url}/count`, { method: "POST", body: "hello" })).status, 200);
});

test("while the origin is away the edge says so, and all is well when it is back", async () => {
  const { port } = origin;
  await origin.stop();
  const page = await fetch(edge.url, { headers: { accept: "text/html" } });
  assert.equal(page.status, 503);
  assert.equal(page.headers.get("retry-after"), "30");
  assert.match(await page.text(), /<h1>Away/);
  const matrix = await fetch(`${edge.url}/_matrix/client/versions`);
  assert.equal(matrix.status, 503);
  assert.equal(matrix.headers.get("access-control-allow-origin"), "*");
  assert.equal(((await matrix.json()) as { errcode: string }).errcode, "M_UNKNOWN");
  const health = (await (await fetch(`${edge.url}/health/auth`)).json()) as Record<string, unknown>;
  assert.deepEqual(Object.keys(health), [
    "edge_proof_accepted",
    "identity_present",
    "clock_skew_s",
    "recent_failed_attempts",
    "last_failure_at",
  ]);
  assert.equal(health["edge_proof_accepted"], null);

  origin = await startEdgeOrigin({ key: KEY, folder: join(folder, "nonces"), port });
  assert.equal((await fetch(edge.url)).status, 200);
});

test("a squatter on the origin's port is told from it, and its failures are counted", async () => {
  const { port } = origin;
  await origin.stop();
  const squatter = await startEdgeOrigin({ key: makeEdgeKey("k1"), folder: join(folder, "squatter"), port });
  const response = await fetch(edge.url);
  assert.equal(response.status, 502);
  assert.doesNotMatch(await response.text(), /wrong-mac/);
  const health = (await (await fetch(`${edge.url}/health/auth`)).json()) as Record<string, unknown>;
  assert.equal(health["edge_proof_accepted"], false);
  assert.ok(Number(health["recent_failed_attempts"]) >= 1);
  await squatter.stop();
  origin = await startEdgeOrigin({ key: KEY, folder: join(folder, "nonces"), port });
});

test("the heartbeat runs as the cron trigger has it", async () => {
  const response = await fetch(`${edge.url}/cdn-cgi/local/scheduled?format=json`);
  assert.equal(((await response.json()) as { outcome: string }).outcome, "ok");
});

test("a port that is taken is told as such", async () => {
  const port = Number(new URL(edge.url).port);
  const options = {
    root: ROOT,
    origin: "127.0.0.1:9",
    edgeKey: KEY,
    hosts: "127.0.0.1=home",
    persistDir: folder,
  };
  await assert.rejects(
    startEdge({ ...options, port }),
    (error: unknown) => error instanceof EdgeStartError && error.fault === "port-busy",
  );
});

test("neither stopping the edge nor the sudden death of its parent leaves a process", async (t) => {
  const persistDir = await mkdtemp(join(tmpdir(), "burrow-edge-"));
  t.after(() => rm(persistDir, { recursive: true, force: true }));
  const script = `
    const { startEdge } = await import(${JSON.stringify(new URL("../../origin/cli/dev/edge-process.ts", import.meta.url).href)});
    const edge = await startEdge(${JSON.stringify({ root: ROOT, origin: "127.0.0.1:9", edgeKey: KEY, hosts: "127.0.0.1=home", port: 0, persistDir })});
    process.send("up");
    process.on("message", async () => { await edge.stop(); process.disconnect(); });
  `;
  for (const ending of ["stop", "SIGKILL"] as const) {
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    await once(parent, "message");
    const processes = await descendants(parent.pid ?? 0);
    assert.ok(processes.length >= 3, `edge child and workerds: ${processes.length}`);
    if (ending === "stop") parent.send("stop");
    else parent.kill("SIGKILL");
    await once(parent, "exit");
    await until(async () => (await alive(processes)).length === 0);
  }
});

/** A body of so many megabytes without a declared length. */
function chunked(megabytes: number): ReadableStream<Uint8Array> {
  const chunk = new Uint8Array(1_000_000).fill(1);
  let left = megabytes;
  return new ReadableStream({
    pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close()),
  });
}

/** All processes below one, as pid and start time, which together name a process for good. */
async function descendants(root: number): Promise<string[]> {
  const all = await processTable();
  const found = new Set([root]);
  // A parent may stand after its child in the table, so as long as there is something new.
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const row of all) if (found.has(row.parent)) found.add(row.pid);
  }
  found.delete(root);
  return all.filter((row) => found.has(row.pid)).map((row) => `${row.pid} ${row.startedAt}`);
}

async function alive(processes: readonly string[]): Promise<string[]> {
  const now = new Set((await processTable()).map((row) => `${row.pid} ${row.startedAt}`));
  return processes.filter((process) => now.has(process));
}

async function processTable(): Promise<{ pid: number; parent: number; startedAt: string }[]> {
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  const rows = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
      // proc(5): after the name in brackets come state, parent, … and as field 22 the start time.
      const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields === undefined || fields[0] === "Z") return [];
      return [{ pid: Number(pid), parent: Number(fields[1]), startedAt: fields[19] ?? "" }];
    }),
  );
  return rows.flat();
}

/** Waits for what no event tells: the end of processes that are not our children. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = AbortSignal.timeout(10_000);
  while (!(await condition())) {
    deadline.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("an order to fetch is believed by its mac alone, and judged by the edge too", async (t) => {
  const agent = new Agent();
  t.after(() => agent.close());
  for (const [key, code] of [
    [KEY, "forbidden-address"],
    [makeEdgeKey("k1"), "edge"],
  ] as const) {
    const hop = createEdgeHop({
      publicUrl: edge.url,
      readKeys: () => [key],
      now: Date.now,
      send: createDirectHop(agent, { reuse: false }),
    });
    const order = {
      method: "GET",
      url: new URL("http://192.168.1.1/"),
      headers: new Headers(),
      body: undefined,
      signal: AbortSignal.timeout(10_000),
      timeoutMs: 10_000,
      maxBytes: 1_000,
    };
    await assert.rejects(hop(order), { code });
  }
});
