/** The edge's own count, in the real Worker, before an origin that looks at everything and never says to wait. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { startEdge, type RunningEdge } from "../../origin/cli/dev/edge-process.ts";
import { DEVICE_COOKIE } from "../../shared/device-cookie.ts";
import { makeEdgeKey } from "../http/signed-request.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type EdgeOrigin, startEdgeOrigin } from "./edge-origin.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const key = makeEdgeKey("k1");
const folder = temporaryFolder({ after });
const login = "/_matrix/client/v3/login";

let origin: EdgeOrigin;
let edge: RunningEdge;
let reached = 0;

const start = () =>
  startEdge({
    root,
    origin: `127.0.0.1:${origin.port}`,
    edgeKey: key,
    hosts: "127.0.0.1=home",
    port: 0,
    persistDir: join(folder, "edge"),
  });

before(async () => {
  origin = await startEdgeOrigin({
    key,
    folder: join(folder, "nonces"),
    guess(incoming) {
      reached += 1;
      const verdict = incoming.headers["x-verdict"];
      return verdict === "ok" || verdict === "none" ? verdict : "failed";
    },
  });
  edge = await start();
});
after(async () => {
  await edge?.stop();
  await origin?.stop();
});

interface Asked {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
}

async function ask(address: string, { method = "POST", path = login, headers = {} }: Asked = {}) {
  const answer = await fetch(new URL(path, edge.url), {
    method,
    headers: { "cf-connecting-ip": address, ...headers },
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** Wrong tries until the edge refuses one by itself: many at a time, so that it then does so for long. */
async function jail(address: string): Promise<number> {
  for (let n = 0; n < 100; n += 25) {
    const some = await Promise.all(Array.from({ length: 25 }, () => ask(address)));
    if (some.some(({ status }) => status === 429)) return n;
  }
  return 100;
}

let flushed = 0;

test("what the origin calls wrong is counted, and then answered at the edge", async () => {
  const passed = await jail("203.0.113.1");
  flushed = Date.now() + 10_500;
  assert.ok(passed >= 50 && passed <= 75, String(passed));
  const reachedBefore = reached;
  const told = await ask("203.0.113.1", { path: "/_matrix/client/r0/%6Cogin" });
  assert.equal(told.status, 429);
  assert.equal(reached, reachedBefore, "the origin is not asked");
  assert.equal(told.headers.get("access-control-allow-origin"), "*");
  assert.equal((JSON.parse(told.text) as { errcode: string }).errcode, "M_LIMIT_EXCEEDED");
  assert.ok(Number(told.headers.get("retry-after")) >= 1);
  const forged = { "x-forwarded-for": "198.51.100.1", "x-real-ip": "198.51.100.1" };
  assert.equal((await ask("203.0.113.1", { headers: forged })).status, 429);
  assert.equal((await ask("203.0.113.2")).status, 200, "another address");
  assert.equal((await ask("203.0.113.1", { method: "GET" })).status, 200, "another method");
  assert.equal((await ask("203.0.113.1", { method: "OPTIONS" })).status, 200);
  assert.equal(
    (await ask("203.0.113.1", { path: "/_matrix/client/v3/refresh" })).status,
    200,
    "another kind",
  );
  assert.equal((await ask("203.0.113.1", { path: "/_matrix/client/v3/sync" })).status, 200);
  const page = await ask("203.0.113.1", { path: "/sign-in", headers: { accept: "text/html" } });
  assert.equal(page.status, 429);
  assert.match(page.text, /<h1>Too many wrong tries<\/h1>/);
});

test("right ones and those without a verdict count for nothing", async () => {
  for (const [address, verdict] of [
    ["203.0.113.3", "ok"],
    ["203.0.113.5", "none"],
  ] as const) {
    const asked = { headers: { "x-verdict": verdict } };
    // More than the sixty that are free, fewer than a flood.
    for (let n = 0; n < 7; n += 1) await Promise.all(Array.from({ length: 10 }, () => ask(address, asked)));
    assert.equal((await ask(address)).status, 200, verdict);
  }
});

test("a browser that has signed in before is not shut out with its address, even in a flood", async () => {
  const cookie = (value: string) => ({ cookie: `${DEVICE_COOKIE}=${value.padEnd(43, "x")}` });
  const known = { headers: { ...cookie("known"), "x-verdict": "ok" } };
  assert.equal((await ask("203.0.113.4", known)).status, 200);
  const made = { headers: cookie("made up") };
  for (;;) {
    const some = await Promise.all(Array.from({ length: 20 }, () => ask("203.0.113.4")));
    if (!some.some(({ status, headers }) => status === 429 && headers.get("retry-after") === "60")) continue;
    const [told, madeUp, own] = await Promise.all(
      [{ headers: { "x-verdict": "none" } }, made, known].map((asked) => ask("203.0.113.4", asked)),
    );
    // The first look's next minute may just have begun.
    if (told?.status !== 429) continue;
    assert.deepEqual([madeUp?.status, own?.status], [429, 200]);
    return;
  }
});

// Ten seconds' wait and another start: only where it is asked for.
const slow = process.env["BURROW_EDGE_RESTART"] === undefined && "set BURROW_EDGE_RESTART";

test("what was counted outlives the Durable Object", { skip: slow }, async () => {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, flushed - Date.now())));
  await edge.stop();
  edge = await start();
  assert.equal((await ask("203.0.113.1")).status, 429);
});
