/** E8 and E10 at the edge, whose sentinel is played by a value. test/e2e/panic.test.ts has the real one. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { parseEdgeKey } from "../../shared/edge-key.ts";
import type { PanicLevel } from "../../shared/panic.ts";
import { signOrder } from "../../origin/host/sign-order.ts";
import { makeEdgeKey } from "../http/signed-request.ts";
import { benchEdge } from "./edge-bench.ts";

const HOME = "https://burrow.example.org";
const APEX = { HOSTS: "burrow.example.org=apex id.burrow.example.org=id" };
const WHOAMI = `${HOME}/_matrix/client/v3/account/whoami`;

test("the secret PANIC closes by itself, in the asker's protocol, and says nothing more", async (t) => {
  for (const PANIC of ["soft", " HARD\n", "lost", "whatever else"]) {
    const edge = benchEdge(t, { env: { ...APEX, PANIC } });
    const page = await edge.ask(HOME, { headers: { accept: "text/html" } });
    assert.equal(page.status, 503, PANIC);
    assert.ok(Number(page.headers.get("retry-after")) >= 60);
    const text = await page.text();
    assert.match(text, /<h1>Closed for now<\/h1>/);
    assert.doesNotMatch(text, /panic|soft|hard|lost|owner/i);
    const matrix = await edge.ask(WHOAMI);
    assert.equal(((await matrix.json()) as { errcode: string }).errcode, "M_UNKNOWN");
    assert.equal(matrix.headers.get("access-control-allow-origin"), "*");
    assert.equal((await edge.ask(WHOAMI, { method: "OPTIONS" })).status, 204);
    assert.deepEqual(
      edge.sent.filter(({ url }) => !url.endsWith("/health")),
      [],
    );
    t.mock.restoreAll();
  }
});

test("lost forwards nothing at all and costs no question; a weaker level leaves the owner's way back", async (t) => {
  const lost = benchEdge(t, { env: { ...APEX, PANIC: "lost" } });
  for (const url of [`${HOME}/health`, `${HOME}/health/auth`, "https://id.burrow.example.org/panic"])
    assert.equal((await lost.ask(url)).status, 503, url);
  await lost.heartbeat();
  assert.deepEqual([lost.sent.length, lost.kept.reads], [0, 0]);
  t.mock.restoreAll();

  const soft = benchEdge(t, { env: { ...APEX, PANIC: "soft" } });
  for (const url of [`${HOME}/health`, "https://id.burrow.example.org/panic"])
    assert.equal((await soft.ask(url)).status, 200, url);
  assert.equal((await soft.ask("https://id.burrow.example.org/sign-in")).status, 503);
});

test("logins shuts the ways to sign in and nothing else", async (t) => {
  const edge = benchEdge(t, { env: { ...APEX, PANIC: "logins" } });
  const login = await edge.ask(`${HOME}/_matrix/client/v3/login`, { method: "POST", body: "{}" });
  assert.equal(login.status, 503);
  assert.match(await login.text(), /nobody sign in/);
  assert.equal((await edge.ask(`${HOME}/_matrix/client/v3/login`)).status, 200);
  assert.equal((await edge.ask(WHOAMI)).status, 200);
});

test("the origin's level is learnt from its replies, kept for other isolates, and its end is asked for", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  let level: PanicLevel = "soft";
  const edge = benchEdge(t, { env: APEX, panic: () => level });
  assert.equal((await edge.ask(HOME)).status, 200, "the origin answers this one, and says so");
  assert.equal(edge.kept.told, "soft");
  const before = edge.arrivals.length;
  assert.equal((await edge.ask(HOME)).status, 503);
  assert.equal((await edge.ask(HOME)).status, 503);
  // One question of its own, whether it is over.
  assert.deepEqual(
    edge.arrivals.slice(before).map(({ request }) => new URL(request.url).pathname),
    ["/health"],
  );
  level = "none";
  assert.equal((await edge.ask(HOME)).status, 503);
  t.mock.timers.tick(15_001);
  assert.equal((await edge.ask(HOME)).status, 503);
  assert.equal((await edge.ask(HOME)).status, 200);
  assert.equal(edge.kept.told, "none");
});

test("an isolate asks the sentinel every fifteen seconds at most, and keeps the last value when it fails", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  let fails = false;
  let reads = 0;
  const kept = { told: "none", lostBy: null as string | null };
  const sentinel = {
    async panic() {
      reads += 1;
      if (fails) throw new Error("down");
      return kept;
    },
    notePanic: async () => undefined,
    recordFailures: async () => undefined,
  };
  const edge = benchEdge(t, { env: { ...APEX, SENTINEL: { getByName: () => sentinel } } });
  for (let index = 0; index < 3; index += 1) assert.equal((await edge.ask(HOME)).status, 200);
  assert.equal(reads, 1);
  kept.lostBy = "a".repeat(64);
  t.mock.timers.tick(14_000);
  assert.equal((await edge.ask(HOME)).status, 200);
  t.mock.timers.tick(1_000);
  assert.equal((await edge.ask(HOME)).status, 503);
  fails = true;
  t.mock.timers.tick(60_000);
  assert.equal((await edge.ask(HOME)).status, 503);
  assert.equal(reads, 3);
  t.mock.restoreAll();

  // Who never heard it does not know whether the server is lost.
  const blind = benchEdge(t, { env: { ...APEX, SENTINEL: { getByName: () => sentinel } } });
  assert.equal((await blind.ask(HOME)).status, 503);
});

test("lost by the kill code holds until the code is another one", async (t) => {
  const used = "a".repeat(64);
  for (const [hash, status] of [
    [used, 503],
    [undefined, 503],
    ["b".repeat(64), 200],
  ] as const) {
    const edge = benchEdge(t, { env: { ...APEX, ...(hash && { KILL_CODE_HASH: hash }) } });
    edge.kept.lostBy = used;
    assert.equal((await edge.ask(HOME)).status, status);
    t.mock.restoreAll();
  }
});

test("a sign of life is believed by its mac, tells the panic level, and is nothing to anybody else", async (t) => {
  const EDGE_KEY = makeEdgeKey("k1");
  const edge = benchEdge(t, { env: { ...APEX, EDGE_KEY } });
  const key = parseEdgeKey(EDGE_KEY);
  assert.ok(key);
  const second = Math.floor(Date.now() / 1000);
  const send = (body: string, stamp: string) =>
    edge.ask(`${HOME}/_burrow/heartbeat`, { method: "POST", body, headers: { "burrow-heartbeat": stamp } });
  const body = JSON.stringify({ panic: "hard" });
  const good = signOrder("heartbeat", key, second, body);
  assert.deepEqual(((await (await send(body, good)).json()) as { heard: boolean }).heard, true);
  assert.deepEqual([edge.kept.beats, edge.kept.told], [1, "hard"]);
  assert.equal((await edge.ask(HOME)).status, 503, "in force without the origin having been asked");

  for (const [label, text, stamp, status] of [
    ["replayed", body, good, 200],
    ["stale", body, signOrder("heartbeat", key, second - 3_600, body), 200],
    ["another body", '{"panic":"none"}', good, 404],
    ["an order of another kind", body, signOrder("fetch", key, second, body), 404],
    [
      "a level that is the edge's alone",
      '{"panic":"lost"}',
      signOrder("heartbeat", key, second, '{"panic":"lost"}'),
      404,
    ],
    [
      "too long",
      `${body}${" ".repeat(2_000)}`,
      signOrder("heartbeat", key, second, `${body}${" ".repeat(2_000)}`),
      404,
    ],
  ] as const) {
    const answer = await send(text, stamp);
    assert.equal(answer.status, status, label);
    if (status === 200) assert.equal(((await answer.json()) as { heard: boolean }).heard, false, label);
  }
  assert.equal(edge.kept.beats, 1);
});
