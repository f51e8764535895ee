import assert from "node:assert/strict";
import { test } from "node:test";

import { BODY_MAX_BYTES } from "../../shared/limits.ts";
import { benchEdge } from "./edge-bench.ts";
import type { EdgeBench } from "./edge-bench.ts";

const HOME = "https://burrow.example.org";
const CLIENT_API = `${HOME}/_matrix/client/v3`;

function away(): never {
  throw new TypeError("connection refused to 127.0.0.1:8090");
}

test("an unknown host gets 421 that discloses nothing, and the origin never hears of it", async (t) => {
  const edge = benchEdge(t);
  for (const url of [
    "https://other.example.org/",
    "https://xburrow.example.org/_matrix/client/versions",
    "https://burrow.example.org.:443/",
    "https://192.0.2.1/health/auth",
  ]) {
    const response = await edge.ask(url);
    assert.equal(response.status, 421, url);
    assert.equal(await response.text(), "");
  }
  assert.equal(edge.sent.length, 0);
});

test("a target that is no address, a method that is never served and an ambiguous path are refused plainly", async (t) => {
  const edge = benchEdge(t);
  for (const url of ["http://burrow.example.org*/", "http://burrow.example.org:8787*/", "http://"])
    assert.equal((await edge.ask(url)).status, 400, url);
  assert.equal((await edge.ask(`${HOME}/a%5cb`)).status, 400);
  assert.equal((await edge.ask(`${HOME}/${"a".repeat(16_384)}`)).status, 414);
  assert.equal((await edge.ask(HOME, { headers: { "x-long": "a".repeat(62_000) } })).status, 431);
  const matrix = await edge.ask(`${CLIENT_API}/rooms/%2e%2e%2fx`);
  assert.equal(matrix.status, 400);
  assert.equal(((await matrix.json()) as { errcode: string }).errcode, "M_INVALID_PARAM");
  assert.equal(edge.sent.length, 0);
});

async function countBody(edge: EdgeBench, bytes: number, declared: boolean): Promise<number> {
  const chunk = new Uint8Array(1_000_000);
  let left = bytes;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left === 0) return controller.close();
      const size = Math.min(left, chunk.length);
      left -= size;
      return controller.enqueue(chunk.subarray(0, size));
    },
  });
  const headers: Record<string, string> = declared ? { "content-length": String(bytes) } : {};
  const response = await edge.ask(`${CLIENT_API}/upload`, { method: "POST", body, headers, duplex: "half" });
  if (response.status === 413) {
    const answer = (await response.json()) as { errcode: string; error: string };
    assert.equal(answer.errcode, "M_TOO_LARGE");
    assert.match(answer.error, /in parts/);
  } else assert.equal(await response.text(), String(bytes));
  return response.status;
}

test("a body of exactly the cap passes and one byte more is 413, declared or streamed", async (t) => {
  let received = 0;
  const edge = benchEdge(t, {
    answer: async ({ request }) => {
      received = 0;
      for await (const chunk of request.body ?? []) received += (chunk as Uint8Array).length;
      return new Response(String(received));
    },
  });
  assert.equal(await countBody(edge, BODY_MAX_BYTES, false), 200);
  assert.equal(await countBody(edge, BODY_MAX_BYTES + 1, false), 413);
  assert.equal(await countBody(edge, BODY_MAX_BYTES, true), 200);
  received = -1;
  assert.equal(await countBody(edge, BODY_MAX_BYTES + 1, true), 413);
  assert.equal(received, -1);
});

test("while the origin is away, people get a page, programs JSON and Matrix clients an error they can read", async (t) => {
  const edge = benchEdge(t, { impostor: away });
  const page = await edge.ask(HOME, { headers: { accept: "text/html,*/*;q=0.8" } });
  const json = await edge.ask(HOME);
  const matrix = await edge.ask(`${CLIENT_API}/sync`, { headers: { accept: "text/html" } });
  for (const response of [page, json, matrix]) {
    assert.equal(response.status, 503);
    assert.equal(response.headers.get("retry-after"), "30");
    assert.equal(response.headers.get("cache-control"), "no-store");
  }
  assert.match(await page.text(), /<html lang="en">[^]*<h1>/);
  assert.equal(((await json.json()) as { error: string }).error, "origin_away");
  assert.equal(matrix.headers.get("access-control-allow-origin"), "*");
  const text = await matrix.text();
  assert.equal((JSON.parse(text) as { errcode: string }).errcode, "M_UNKNOWN");
  assert.doesNotMatch(text, /8090|refused/);
  const preflight = await edge.ask(`${CLIENT_API}/sync`, { method: "OPTIONS" });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /authorization/i);
});

test("security headers are there exactly once on every kind of answer, and software is not named", async (t) => {
  const answers: Record<string, () => Response> = {
    ok: () => new Response("ok"),
    asset: () =>
      new Response("x", { headers: { "cache-control": "public, max-age=60", "content-type": "text/css" } }),
    file: () => new Response("x", { headers: { "cache-control": "private, max-age=9, immutable" } }),
    page: () => new Response("x", { headers: { "cache-control": "private, max-age=9" } }),
    "not modified": () => new Response(null, { status: 304 }),
    redirect: () => new Response(null, { status: 303, headers: { location: "/" } }),
    "not found": () => new Response("no", { status: 404 }),
    broken: () => new Response("no", { status: 500 }),
    talkative: () => {
      const response = new Response("ok", { headers: { server: "x", "x-powered-by": "y" } });
      for (const name of ["x-frame-options", "x-content-type-options", "strict-transport-security"]) {
        response.headers.append(name, "a");
        response.headers.append(name, "b");
      }
      return response;
    },
    "own policy": () => new Response("ok", { headers: { "content-security-policy": "default-src 'self'" } }),
  };
  let kind = "ok";
  const edge = benchEdge(t, { answer: () => answers[kind]?.() ?? new Response() });
  const responses: [string, Response][] = [];
  for (kind of Object.keys(answers)) responses.push([kind, await edge.ask(HOME)]);
  responses.push(["unknown host", await edge.ask("https://other.example.org/")]);
  responses.push(["ambiguous", await edge.ask(`${HOME}/%5c`)]);
  responses.push(["away", await benchEdge(t, { impostor: away }).ask(HOME)]);
  for (const [label, { headers }] of responses) {
    assert.equal(headers.get("strict-transport-security"), "max-age=300", label);
    assert.equal(headers.get("x-content-type-options"), "nosniff", label);
    assert.equal(headers.get("x-frame-options"), "DENY", label);
    assert.equal(headers.get("referrer-policy"), "no-referrer", label);
    assert.equal(headers.get("cross-origin-opener-policy"), "same-origin", label);
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin", label);
    assert.ok(headers.get("permissions-policy"), label);
    assert.doesNotMatch(headers.get("content-security-policy") ?? "unsafe", /unsafe/, label);
    const kept = { asset: "public, max-age=60", file: "private, max-age=9, immutable" }[label];
    assert.equal(headers.get("cache-control"), kept ?? "no-store", label);
    for (const name of ["server", "x-powered-by", "burrow-reply"])
      assert.equal(headers.get(name), null, label);
  }
  const own = responses.find(([label]) => label === "own policy")?.[1];
  assert.equal(own?.headers.get("content-security-policy"), "default-src 'self'");
});

test("over plain HTTP there is no HSTS", async (t) => {
  const response = await benchEdge(t).ask("http://127.0.0.1:8787/");
  assert.equal(response.headers.get("strict-transport-security"), null);
});

test("long-polls are clamped, and no other URL is touched", async (t) => {
  const edge = benchEdge(t);
  for (const [asked, forwarded] of [
    [
      "/_matrix/client/v3/sync?since=a%2cb&timeout=30001&x=%7e",
      "/_matrix/client/v3/sync?since=a%2cb&timeout=30000&x=%7e",
    ],
    [
      "/_matrix/client/v3/sync?timeout=99999999&timeout=5",
      "/_matrix/client/v3/sync?timeout=30000&timeout=30000",
    ],
    ["/_matrix/client/v3/s%79nc?time%6fut=%36%30000", "/_matrix/client/v3/s%79nc?timeout=30000"],
    [
      "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=1e9",
      "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=30000",
    ],
    ["/_matrix/client/v3/sync?timeout=30000&x=%7e", "/_matrix/client/v3/sync?timeout=30000&x=%7e"],
    ["/_matrix/client/v3/sync?timeout=many", "/_matrix/client/v3/sync?timeout=many"],
    ["/_matrix/client/v3/rooms?timeout=60000", "/_matrix/client/v3/rooms?timeout=60000"],
  ] as const) {
    assert.equal((await edge.ask(`${HOME}${asked}`)).status, 200);
    assert.equal(edge.arrivals.at(-1)?.request.url, `http://burrow.example.org${forwarded}`);
  }
});

test("/health/auth is the origin's where it can be had, else the edge's own with the same fields", async (t) => {
  const well = benchEdge(t, { answer: () => Response.json({ edge_proof_accepted: true }) });
  assert.deepEqual(await (await well.ask(`${HOME}/health/auth`)).json(), { edge_proof_accepted: true });

  const gone = benchEdge(t, { impostor: away });
  assert.deepEqual(await (await gone.ask(`${HOME}/health/auth`)).json(), {
    edge_proof_accepted: null,
    identity_present: false,
    clock_skew_s: null,
    recent_failed_attempts: 0,
    last_failure_at: 1,
  });

  const squatted = benchEdge(t, { impostor: () => new Response("hello") });
  const headers = { "cf-access-jwt-assertion": "a.b.c" };
  assert.deepEqual(await (await squatted.ask(`${HOME}/health/auth`, { headers })).json(), {
    edge_proof_accepted: false,
    identity_present: true,
    clock_skew_s: null,
    recent_failed_attempts: 1,
    last_failure_at: 1,
  });

  const broken = { getByName: () => away() };
  const blind = benchEdge(t, { impostor: away, env: { SENTINEL: broken } });
  const answer = (await (await blind.ask(`${HOME}/health/auth`)).json()) as Record<string, unknown>;
  assert.equal(answer["recent_failed_attempts"], null);
});

test("an edge that is set up wrong says so in its log, shows nothing and is 503", async (t) => {
  for (const env of [
    { EDGE_KEY: undefined },
    { EDGE_KEY: "k1.short-secret" },
    { HOSTS: "" },
    { HSTS_STAGE: "soon" },
  ]) {
    const edge = benchEdge(t, { env });
    const response = await edge.ask(HOME);
    assert.equal(response.status, 503);
    assert.doesNotMatch(await response.text(), /EDGE_KEY|HOSTS|HSTS/i);
    assert.match(edge.alerts.join("\n"), /EDGE_KEY|host table|HSTS/);
    assert.doesNotMatch(edge.alerts.join("\n"), /short-secret/);
  }
});

test("the heartbeat asks the origin and raises an alert only when it is not well", async (t) => {
  const well = benchEdge(t);
  well.clock.originAheadMs = 3_600_000;
  await well.heartbeat();
  assert.deepEqual(well.alerts, []);
  assert.equal(well.arrivals.at(-1)?.verdict.client.addr, "::");
  for (const [options, alert] of [
    [{ impostor: away }, "origin-away"],
    [{ impostor: () => new Response("hello") }, "origin-unproved"],
    [{ answer: () => new Response("", { status: 500 }) }, "origin-status-500"],
  ] as const) {
    const edge = benchEdge(t, options);
    await edge.heartbeat();
    assert.equal((JSON.parse(edge.alerts[0] ?? "{}") as { alert?: string }).alert, alert);
  }
});
