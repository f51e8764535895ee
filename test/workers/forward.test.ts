import assert from "node:assert/strict";
import { test } from "node:test";

import { createEdgeProof } from "../../origin/http/edge-proof.ts";
import type { AcceptedProof, EdgeProof } from "../../origin/http/edge-proof.ts";
import { ADA, incoming, makeEdgeKey, signedHeaders } from "../http/signed-request.ts";
import { benchEdge, withProof } from "./edge-bench.ts";

const HOME = "https://burrow.example.org";
const HOUR_MS = 3_600_000;

function accepted(nonce: string): AcceptedProof {
  return { proof: "accepted", nonce, keyid: "k1", authentic: true, client: ADA };
}

test("what is forwarded is the very URL that was signed, where the parser changes it too", async (t) => {
  const edge = benchEdge(t);
  for (const [asked, forwarded] of [
    ["/a/../b/./c", "/b/c"],
    ["/a/%2e%2e/b", "/b"],
    ["/é?q=ü", "/%C3%A9?q=%C3%BC"],
    ["/a?b='", "/a?b=%27"],
    ["/a\\b", "/a/b"],
    ["/a?", "/a?"],
    ["/%zz//%00?x=%zz", "/%zz//%00?x=%zz"],
    ["/!room:example.org/%21%23%2f", "/!room:example.org/%21%23%2f"],
    ["/_matrix/client/v3/sync?timeout=600000&since=s'1", "/_matrix/client/v3/sync?timeout=30000&since=s%271"],
  ] as const) {
    const response = await edge.ask(`${HOME}${asked}`);
    assert.equal(response.status, 200, asked);
    assert.equal(edge.arrivals.at(-1)?.request.url, `http://burrow.example.org${forwarded}`, asked);
  }
});

test("the client, as the edge saw it, goes along signed", async (t) => {
  const edge = benchEdge(t);
  await edge.ask(`${HOME}/`, {
    headers: { "cf-connecting-ip": "2001:DB8::1", "cf-ray": "8f0a-AMS", "cf-ipcountry": "NL" },
  });
  await edge.ask("http://127.0.0.1:8787/");
  const clients = edge.arrivals.map(({ verdict }) => ({ ...verdict.client, time: 0 }));
  assert.deepEqual(clients, [
    {
      host: "burrow.example.org",
      scheme: "https",
      addr: "2001:db8::1",
      ray: "8f0a-AMS",
      country: "NL",
      time: 0,
    },
    { host: "127.0.0.1", port: 8787, scheme: "http", addr: "192.0.2.7", time: 0 },
  ]);
});

test("without a client address nothing is forwarded", async (t) => {
  const edge = benchEdge(t);
  for (const address of ["", "unknown", "192.0.2.1, 192.0.2.2"])
    assert.equal((await edge.ask(HOME, { headers: { "cf-connecting-ip": address } })).status, 400, address);
  assert.equal(edge.sent.length, 0);
});

test("no header by which a client could claim an identity arrives", async (t) => {
  const edge = benchEdge(t, { env: { TRUSTED_HEADERS: "X-WebAuth-User" } });
  const claims = [
    ["burrow-client", "burrow-reply", "x-burrow-user", "signature", "signature-input", "cf-worker"],
    ["remote-user", "remote_user", "REMOTE-GROUPS", "x-auth-user", "X_Auth_Email", "x-auth-request-user"],
    ["x-forwarded-for", "X-Forwarded-Host", "x_forwarded_proto", "forwarded", "x-real-ip", "true-client-ip"],
    [
      "x-client-ip",
      "x-original-url",
      "x-rewrite-url",
      "x-http-method-override",
      "x-webauth-user",
      "x_webauth_user",
    ],
  ].flat();
  await edge.ask(HOME, {
    headers: {
      ...Object.fromEntries(claims.map((name) => [name, "ada"])),
      cookie: "CF_Authorization=x; session=1; CF_AppSession=y",
      authorization: "Bearer x",
    },
  });
  const { headers } = edge.arrivals[0]?.request ?? new Request(HOME);
  const ours = new Set(["burrow-client", "signature", "signature-input"]);
  for (const name of claims) if (!ours.has(name)) assert.equal(headers.get(name), null, name);
  for (const name of ours) assert.doesNotMatch(headers.get(name) ?? "", /\bada\b/, name);
  assert.equal(headers.get("cookie"), "session=1");
  assert.equal(headers.get("authorization"), "Bearer x");
});

test("the Access identity is read before it is dropped, and goes along covered or not at all", async (t) => {
  const edge = benchEdge(t);
  await edge.ask(HOME, { headers: { "cf-access-jwt-assertion": "aaa.bbb.ccc" } });
  await edge.ask(HOME, { headers: { "cf-access-jwt-assertion": "not a token" } });
  await edge.ask(HOME, { headers: { "cf-access-jwt-assertion": `a.${"b".repeat(9000)}.c` } });
  assert.deepEqual(
    edge.arrivals.map(({ verdict }) => verdict.accessJwt),
    ["aaa.bbb.ccc", undefined, undefined],
  );
});

test("a squatter's answer is 502 and not a byte of its body is passed on", async (t) => {
  const nonces = { remember: () => "fresh" as const, close: () => undefined };
  const stranger = createEdgeProof({ keys: [makeEdgeKey("k1")], now: Date.now, nonces, panic: () => "none" });
  const impostors: [label: string, header: (nonce: string, proof: EdgeProof) => string][] = [
    ["no reply proof", () => ""],
    ["a blank one", () => " "],
    ["one of another form", () => "v=1"],
    ["one for another status", (nonce, proof) => proof.replyHeader(accepted(nonce), 404)],
    ["one for another request", (_, proof) => proof.replyHeader(accepted("A".repeat(22)), 200)],
    ["one under another key", (nonce) => stranger.replyHeader(accepted(nonce), 200)],
    [
      "two",
      (nonce, proof) =>
        `${proof.replyHeader(accepted(nonce), 200)}, ${proof.replyHeader(accepted(nonce), 200)}`,
    ],
  ];
  for (const [label, header] of impostors) {
    let [pulled, cancelled] = [0, false];
    const edge = benchEdge(t, {
      impostor: (request, proof) => {
        const nonce = /nonce="([^"]+)"/.exec(request.headers.get("signature-input") ?? "")?.[1] ?? "";
        const body = new ReadableStream(
          {
            pull: (controller) => {
              pulled += 1;
              controller.enqueue(new TextEncoder().encode("stolen words"));
            },
            cancel: () => void (cancelled = true),
          },
          { highWaterMark: 0 },
        );
        return new Response(body, { headers: { "set-cookie": "a=1", "burrow-reply": header(nonce, proof) } });
      },
    });
    const response = await edge.ask(HOME);
    assert.equal(response.status, 502, label);
    assert.doesNotMatch(await response.text(), /stolen/, label);
    assert.equal(response.headers.get("set-cookie"), null, label);
    assert.deepEqual([pulled, cancelled], [0, true], label);
    assert.match(edge.alerts.join("\n"), /"alert":"edge-proof-unproved"/, label);
    assert.deepEqual(edge.told, [1], label);
  }
});

test("a relay that answers with the refusal of a forged request gets no further than 503", async (t) => {
  const edge = benchEdge(t, {
    impostor: (request, proof) => {
      // Asks the true origin with the edge's nonce and a wrong mac: all that a squatter can get signed.
      const nonce = /nonce="([^"]+)"/.exec(request.headers.get("signature-input") ?? "")?.[1] ?? "";
      const forged = signedHeaders({ key: makeEdgeKey("k1"), created: Math.floor(Date.now() / 1000), nonce });
      return withProof(
        new Response("stolen words", { status: 401 }),
        proof,
        proof.verify(incoming("GET", "/", forged)),
      );
    },
  });
  const response = await edge.ask(HOME);
  assert.equal(response.status, 503);
  assert.doesNotMatch(await response.text(), /stolen/);
});

test("a refused proof is 503 with Retry-After, never 401; an application's own 401 is passed on", async (t) => {
  const refused = benchEdge(t, {
    impostor: (request, proof) =>
      withProof(
        new Response("no", { status: 401 }),
        proof,
        proof.verify(incoming("GET", "/elsewhere", [...request.headers])),
      ),
  });
  const response = await refused.ask(HOME);
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("retry-after"), "30");

  const app = benchEdge(t, { answer: () => new Response("who are you?", { status: 401 }) });
  const own = await app.ask(HOME);
  assert.equal(own.status, 401);
  assert.equal(await own.text(), "who are you?");
});

test("a clock an hour off costs one retry, once", async (t) => {
  const edge = benchEdge(t);
  for (const ahead of [HOUR_MS, -HOUR_MS]) {
    edge.clock.originAheadMs = ahead;
    const before = edge.sent.length;
    assert.equal((await edge.ask(HOME)).status, 200);
    assert.equal((await edge.ask(HOME)).status, 200);
    assert.equal(edge.sent.length - before, 3);
  }
  // In the isolate's clock the field still tells the truth.
  assert.equal(edge.proof.diagnosis().clockSkewSeconds, -HOUR_MS / 1000);
});

test("a proof that stays stale is not tried for ever", async (t) => {
  const edge = benchEdge(t, {
    impostor: (request, proof) => {
      edge.clock.originAheadMs += HOUR_MS;
      const target = new URL(request.url).pathname;
      return withProof(
        new Response("", { status: 401 }),
        proof,
        proof.verify(incoming(request.method, target, [...request.headers])),
      );
    },
  });
  assert.equal((await edge.ask(HOME)).status, 503);
  assert.equal(edge.sent.length, 2);
});

test("before the first body goes out the clock is learnt; a body is never sent twice", async (t) => {
  const bodies: string[] = [];
  const edge = benchEdge(t, {
    answer: async ({ request }) => {
      bodies.push(await request.text());
      return new Response("ok");
    },
  });
  edge.clock.originAheadMs = HOUR_MS;
  const post = (): Promise<Response> => edge.ask(`${HOME}/x`, { method: "POST", body: "hello" });
  assert.equal((await post()).status, 200);
  assert.deepEqual(
    edge.sent.map((request) => `${request.method} ${new URL(request.url).pathname}`),
    ["HEAD /health", "POST /x"],
  );
  assert.deepEqual(bodies, ["hello"]);

  edge.clock.originAheadMs = 0;
  const stale = await post();
  assert.equal(stale.status, 503);
  assert.equal(stale.headers.get("retry-after"), "1");
  assert.equal((await post()).status, 200);
  assert.deepEqual(bodies, ["hello", "hello"]);
});

test("the origin's answer streams, and a client's leaving reaches it", async (t) => {
  const cancelled = Promise.withResolvers<void>();
  const edge = benchEdge(t, {
    answer: () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
          cancel: () => cancelled.resolve(),
        }),
      ),
  });
  const aborter = new AbortController();
  const response = await edge.ask(HOME, { signal: aborter.signal });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), "first");
  await reader.cancel();
  await cancelled.promise;
  assert.equal(edge.sent[0]?.signal.aborted, false);
  aborter.abort();
  assert.equal(edge.sent[0]?.signal.aborted, true);
});

test("redirects are the client's to follow, cookies stay apart, and nothing on the way may cache", async (t) => {
  const edge = benchEdge(t, {
    answer: () => {
      const response = new Response(null, { status: 302, headers: { location: "/elsewhere" } });
      response.headers.append("set-cookie", "a=1");
      response.headers.append("set-cookie", "b=2");
      return response;
    },
  });
  const response = await edge.ask(HOME);
  assert.equal(response.status, 302);
  assert.equal(response.headers.get("location"), "/elsewhere");
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.equal(edge.sent[0]?.redirect, "manual");
  assert.equal(edge.sent[0]?.cache, "no-store");
});
