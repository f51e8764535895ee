import assert from "node:assert/strict";
import { test } from "node:test";

import { benchEdge } from "./edge-bench.ts";

const tunnel = { ORIGIN: undefined, ORIGIN_HOST: "way-in.example.org" };
const token = { ORIGIN_CLIENT_ID: "an-id.access", ORIGIN_CLIENT_SECRET: "a-secret" };

test("by the tunnel's hostname the signed path and query arrive as they were, with the Worker's token", async (t) => {
  const edge = benchEdge(t, { env: { ...tunnel, ...token } });
  t.mock.method(globalThis, "fetch", edge.serve);
  const headers = { "cf-access-jwt-assertion": "a.b.c", "cf-access-client-id": "forged" };
  const answer = await edge.ask("https://burrow.example.org/a/%2F!b//?x='%20y", { headers });
  assert.equal(answer.status, 200);
  const [arrival] = edge.arrivals;
  assert.equal(arrival?.request.url, "https://way-in.example.org/a/%2F!b//?x=%27%20y");
  assert.equal(arrival.request.headers.get("cf-access-client-id"), token.ORIGIN_CLIENT_ID);
  assert.equal(arrival.request.headers.get("cf-access-client-secret"), token.ORIGIN_CLIENT_SECRET);
  // The visitor's identity goes under a name of ours: Access writes the Worker's under its own.
  assert.equal(arrival.verdict.accessJwt, "a.b.c");
  assert.equal(arrival.request.headers.get("cf-access-jwt-assertion"), null);
  assert.equal(arrival.verdict.client.host, "burrow.example.org");
});

test("a body goes that way too", async (t) => {
  const bodies: string[] = [];
  const edge = benchEdge(t, {
    env: { ...tunnel, ...token },
    answer: async ({ request }) => {
      bodies.push(await request.text());
      return new Response("ok");
    },
  });
  t.mock.method(globalThis, "fetch", edge.serve);
  const answer = await edge.ask("https://burrow.example.org/", {
    method: "POST",
    body: "words",
    duplex: "half",
  });
  assert.equal(answer.status, 200);
  // Before it the edge asked for the origin's clock.
  assert.deepEqual(bodies, ["", "words"]);
});

test("a deployment without a way, or without the token for it, says what to set and answers 503", async (t) => {
  for (const [env, reason] of [
    [{ ORIGIN: undefined }, /neither ORIGIN nor ORIGIN_HOST/],
    [tunnel, /ORIGIN_CLIENT_ID and ORIGIN_CLIENT_SECRET/],
  ] as const) {
    const edge = benchEdge(t, { env });
    assert.equal((await edge.ask("https://burrow.example.org/")).status, 503);
    assert.match(edge.alerts.join(), reason);
    t.mock.restoreAll();
  }
});
