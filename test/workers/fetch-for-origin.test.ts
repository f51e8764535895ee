import assert from "node:assert/strict";
import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { test, type TestContext } from "node:test";

import { EDGE_KEY_DERIVATION, parseEdgeKey } from "../../shared/edge-key.ts";
import { parseFetched } from "../../shared/fetch-order.ts";
import { formatOrderStamp, orderBase } from "../../shared/order-stamp.ts";
import type { Fetched, FetchOrder } from "../../shared/fetch-order.ts";
import { makeEdgeKey } from "../http/signed-request.ts";
import { benchEdge } from "./edge-bench.ts";

const KEY = makeEdgeKey("k1");
const ORDERS = "https://burrow.example.org/_burrow/fetch";
const ORDER: FetchOrder = {
  url: "https://feed.example.org/",
  method: "GET",
  headers: [],
  body: null,
  maxBytes: 1000,
  timeoutMs: 1000,
};

interface Signing {
  key?: string;
  keyid?: string;
  created?: number;
  nonce?: string;
  info?: string;
}

function signed(text: string, signing: Signing = {}): Record<string, string> {
  const { key = KEY, keyid = "k1", created = Math.floor(Date.now() / 1000) } = signing;
  const { nonce = randomBytes(16).toString("base64url"), info = EDGE_KEY_DERIVATION.fetchInfo } = signing;
  const secret = parseEdgeKey(key)?.secret ?? new Uint8Array();
  const derived = new Uint8Array(hkdfSync("sha256", secret, "", info, EDGE_KEY_DERIVATION.bytes));
  const stamp = { keyid, created, nonce };
  const mac = createHmac("sha256", derived)
    .update(orderBase("fetch", stamp, text))
    .digest("base64");
  return { "burrow-fetch": formatOrderStamp(stamp, mac) };
}

function bench(t: TestContext) {
  const edge = benchEdge(t, { env: { EDGE_KEY: KEY, ORIGIN_HOST: "way-in.example.org" } });
  const fetched: string[] = [];
  t.mock.method(globalThis, "fetch", async (url: URL) => {
    fetched.push(url.href);
    return new Response("words");
  });
  async function send(text: string, headers: Record<string, string>) {
    const answer = await edge.ask(ORDERS, { method: "POST", body: text, headers });
    const said: Fetched | undefined = parseFetched(answer.headers.get("burrow-fetched") ?? "");
    return { answer, said, fault: said !== undefined && "fault" in said ? said.fault : undefined };
  }
  return { edge, fetched, send };
}

test("an order without a good mac is an address that does not exist, and nothing is fetched", async (t) => {
  const { send, fetched, edge } = bench(t);
  const text = JSON.stringify(ORDER);
  const good = signed(text)["burrow-fetch"] ?? "";
  for (const [label, body, headers] of [
    ["another key", text, signed(text, { key: makeEdgeKey("k1") })],
    ["another name for the key", text, signed(text, { keyid: "k2" })],
    ["the key of requests", text, signed(text, { info: EDGE_KEY_DERIVATION.requestInfo })],
    ["the key of replies", text, signed(text, { info: EDGE_KEY_DERIVATION.replyInfo })],
    ["another body", text.replace("feed", "evil"), signed(text)],
    ["a newer time", text, { "burrow-fetch": good.replace(/created=\d/, "created=2") }],
    ["another form", text, { "burrow-fetch": `${good}, x=1` }],
    ["nothing", text, { "burrow-fetch": "" }],
    ["too much", "a".repeat(262_145), signed("a".repeat(262_145))],
  ] as const) {
    const { answer, said } = await send(body, headers);
    assert.deepEqual([answer.status, said], [404, undefined], label);
  }
  assert.deepEqual(fetched, []);
  // Without the field it is a request like any other, for the origin to answer.
  await edge.ask(ORDERS, { method: "POST", body: text, duplex: "half" });
  await edge.ask(ORDERS);
  assert.deepEqual(
    edge.sent.map(({ url }) => new URL(url).pathname),
    ["/health", "/_burrow/fetch"],
  );
});

test("an order is good for a minute and once", async (t) => {
  const { send, fetched } = bench(t);
  const text = JSON.stringify(ORDER);
  const now = Math.floor(Date.now() / 1000);
  for (const created of [now - 120, now + 120]) {
    const { answer, said } = await send(text, signed(text, { created }));
    assert.ok(said !== undefined && "fault" in said && said.fault === "stale");
    assert.ok(Math.abs(said.time - Date.now()) < 60_000);
    assert.equal(answer.status, 200);
  }
  const headers = signed(text, { created: now - 30 });
  assert.equal((await send(text, headers)).fault, undefined);
  assert.equal((await send(text, headers)).fault, "replayed");
  assert.equal(fetched.length, 1);
});

test("what the origin must not ask for is not fetched, even with its signature", async (t) => {
  const { send, fetched } = bench(t);
  for (const url of [
    [
      "http://127.0.0.1/",
      "http://2130706433/",
      "http://[::1]/",
      "http://169.254.169.254/",
      "http://localhost/",
    ],
    [
      "https://burrow.example.org/",
      "https://way-in.example.org/",
      "http://feed.example.org:8080/",
      "file:///a",
    ],
    ["https://ada:x@feed.example.org/", "nonsense"],
  ].flat()) {
    const text = JSON.stringify({ ...ORDER, url });
    assert.equal((await send(text, signed(text))).fault, "forbidden", url);
  }
  for (const part of [
    { method: "CONNECT" },
    { method: "get" },
    { maxBytes: 1e12 },
    { maxBytes: 0 },
    { timeoutMs: 3_600_000 },
    { headers: [["a"]] },
    { headers: {} },
    { body: 1 },
    { url: undefined },
  ]) {
    const text = JSON.stringify({ ...ORDER, ...part });
    assert.equal((await send(text, signed(text))).fault, "malformed", JSON.stringify(part));
  }
  for (const text of ["", "null", "[]", "{", '"words"'])
    assert.equal((await send(text, signed(text))).fault, "malformed", text);
  assert.deepEqual(fetched, []);
});

test("nothing on the way acts on a foreign answer: it is bytes, not to be kept, and its fields are in one", async (t) => {
  const { send } = bench(t);
  t.mock.method(globalThis, "fetch", async () => {
    const headers = {
      "content-type": "text/html",
      location: "https://evil.example.org/",
      link: "a".repeat(9000),
      etag: '"1"',
    };
    return new Response("<script>", { status: 404, headers });
  });
  const text = JSON.stringify(ORDER);
  const { answer, said } = await send(text, signed(text));
  assert.equal(answer.status, 200);
  assert.deepEqual(
    ["content-type", "cache-control", "location", "link"].map((name) => answer.headers.get(name)),
    ["application/octet-stream", "no-store", null, null],
  );
  // The field that is too long for a header is left out, the others stay.
  assert.deepEqual(said, {
    status: 404,
    headers: [
      ["content-type", "text/html"],
      ["etag", '"1"'],
      ["location", "https://evil.example.org/"],
    ],
  });
});
