/** The edge's counters fail: nobody is shut out, and the origin, which counts for itself, is asked as ever. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { benchEdge } from "./edge-bench.ts";

const LOGIN = "https://burrow.example.org/_matrix/client/v3/login";
const sure = { limit: () => Promise.resolve({ success: true }) };

function counter(ask: () => Promise<number>) {
  const calls = { asked: 0 };
  const stub = {
    ask() {
      calls.asked += 1;
      return ask();
    },
    tell: () => Promise.resolve(),
  };
  return { calls, binding: { getByName: () => stub } };
}

test("where the counter fails, is late or is not there, the request goes on to the origin", async (t) => {
  for (const [why, env] of [
    ["fails", { LOGIN_RATE: sure, THROTTLE: counter(() => Promise.reject(new Error("spent"))).binding }],
    ["hangs", { LOGIN_RATE: sure, THROTTLE: counter(() => new Promise(() => undefined)).binding }],
    ["is missing", { LOGIN_RATE: sure, THROTTLE: undefined }],
    [
      "first look fails",
      { LOGIN_RATE: { limit: () => Promise.reject(new Error("down")) }, THROTTLE: undefined },
    ],
  ] as const) {
    const edge = benchEdge(t, { env });
    const from = performance.now();
    assert.equal((await edge.ask(LOGIN, { method: "POST", body: "{}" })).status, 200, why);
    assert.ok(performance.now() - from < 2_000, why);
    assert.equal(edge.arrivals.at(-1)?.request.url.endsWith("/login"), true, why);
  }
});

test("a counter that has just failed is left alone for a while, so that nobody waits for it again", async (t) => {
  const { calls, binding } = counter(() => Promise.reject(new Error("spent")));
  const edge = benchEdge(t, { env: { LOGIN_RATE: sure, THROTTLE: binding } });
  for (let n = 0; n < 20; n += 1) await edge.ask(LOGIN, { method: "POST", body: "{}" });
  assert.equal(calls.asked, 1);
});

test("only routes on which a secret can be tried ask the counter, and what it says is answered", async (t) => {
  const { calls, binding } = counter(() => Promise.resolve(4_200));
  const edge = benchEdge(t, { env: { LOGIN_RATE: sure, THROTTLE: binding } });
  for (const [method, path] of [
    ["GET", "/_matrix/client/v3/login"],
    ["OPTIONS", "/_matrix/client/v3/login"],
    ["POST", "/_matrix/client/v3/createRoom"],
    ["GET", "/"],
  ] as const)
    assert.equal((await edge.ask(new URL(path, LOGIN).href, { method })).status, 200, path);
  assert.equal(calls.asked, 0);
  const told = await edge.ask(LOGIN.replace("login", "%6Cogin"), { method: "POST", body: "{}" });
  assert.deepEqual(
    [told.status, told.headers.get("retry-after"), told.headers.get("access-control-allow-origin")],
    [429, "5", "*"],
  );
  assert.equal(((await told.json()) as { retry_after_ms: number }).retry_after_ms, 4_200);
  assert.equal(edge.arrivals.length, 4);
});
