/** The origin's half and the Worker's, over a real socket; only what the Worker fetches from is a stand-in. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import type { OutboundInit } from "../../../origin/host/outbound/outbound.ts";
import { makeEdgeKey } from "../../http/signed-request.ts";
import { benchEdge } from "../../workers/edge-bench.ts";
import { benchOutbound, fault, startStand } from "./outbound-bench.ts";

const KEY = makeEdgeKey("k1");
const FEED = "https://feed.example.org/";

/** What the Worker's own fetch is asked for. */
interface Asked {
  url: string;
  method: string;
  headers: Headers;
  body: string | undefined;
  redirect: string;
}

async function bench(
  t: TestContext,
  internet: (asked: Asked, signal: AbortSignal) => Response | Promise<Response>,
  { keys = [KEY], aheadMs = 0, edgeDown = false } = {},
) {
  const edge = benchEdge(t, { env: { EDGE_KEY: KEY, ORIGIN_HOST: "way-in.example.org" } });
  const asked: Asked[] = [];
  t.mock.method(globalThis, "fetch", async (url: URL, init: RequestInit & { signal: AbortSignal }) => {
    asked.push({
      url: url.href,
      method: init.method ?? "",
      headers: new Headers(init.headers),
      body: init.body ? Buffer.from(init.body as Uint8Array).toString() : undefined,
      redirect: init.redirect ?? "",
    });
    return await internet(asked.at(-1) as Asked, init.signal);
  });
  const front = await startStand(t, (request, response) => {
    if (edgeDown) {
      response.writeHead(502).end("<h1>Bad gateway</h1>");
      return;
    }
    const { method, headers } = request;
    const body = front.seen.at(-1)?.body ?? "";
    void edge
      .ask(`http://127.0.0.1${request.url}`, {
        method: method ?? "",
        headers: headers as Record<string, string>,
        ...(method === "POST" && { body }),
      })
      .then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers));
        try {
          for await (const chunk of answer.body ?? []) response.write(chunk);
          response.end();
        } catch {
          response.destroy();
        }
      });
  });
  const made = benchOutbound(t, {
    environment: {
      BURROW_OUTBOUND_THROUGH: "edge",
      BURROW_PUBLIC_URL: `http://127.0.0.1:${front.port}`,
    },
    readKeys: () => keys,
    now: () => Date.now() + aheadMs,
  });
  const get = (url: string, init?: OutboundInit) => made.outbound.fetch("guarded", url, init);
  return { ...made, get, asked, front, edge };
}

test("a page comes by the edge: the home resolves nothing and dials nobody but its own front", async (t) => {
  const { get, asked, resolved, edge } = await bench(
    t,
    () =>
      new Response("words", {
        status: 203,
        headers: {
          "content-type": "text/html; charset=utf-8",
          etag: '"é"',
          "set-cookie": "a=b",
          server: "x",
          "content-security-policy": "default-src *",
        },
      }),
  );
  const answer = await get(`${FEED}news?a=b`, {
    method: "POST",
    body: "push",
    headers: { "content-type": "application/json", "x-key": "k" },
  });
  assert.deepEqual([answer.status, answer.url, await answer.text()], [203, `${FEED}news?a=b`, "words"]);
  assert.deepEqual(
    [...answer.headers],
    [
      ["content-type", "text/html; charset=utf-8"],
      ["etag", '"é"'],
    ],
  );
  const [order] = asked;
  assert.deepEqual(
    [order?.url, order?.method, order?.body, order?.redirect, order?.headers.get("x-key")],
    [`${FEED}news?a=b`, "POST", "push", "manual", "k"],
  );
  assert.deepEqual([...(order?.headers.keys() ?? [])].toSorted(), [
    "accept",
    "content-type",
    "user-agent",
    "x-key",
  ]);
  assert.deepEqual(resolved, []);
  assert.equal(edge.sent.length, 0);
});

test("redirects come home to be judged, each one", async (t) => {
  const { get, asked } = await bench(t, ({ url }) => {
    if (url.endsWith("/end")) return new Response("arrived");
    const location = url.endsWith("/inward") ? "http://192.168.1.1/" : "/end";
    return new Response(null, { status: 302, headers: { location } });
  });
  assert.equal(await (await get(`${FEED}start`)).text(), "arrived");
  await assert.rejects(get(`${FEED}inward`), fault("forbidden-address"));
  assert.equal(asked.length, 3);
});

test("sizes are held on both sides, to the byte", async (t) => {
  let sent = 0;
  const { get } = await bench(t, ({ url }) => {
    let left = Number(url.slice(FEED.length));
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (left === 0) return controller.close();
        const size = Math.min(left, 100);
        left -= size;
        sent += size;
        return controller.enqueue(new Uint8Array(size));
      },
    });
    return new Response(body);
  });
  assert.equal((await (await get(`${FEED}1000`, { maxBytes: 1000 })).bytes()).length, 1000);
  await assert.rejects(
    async () => (await get(`${FEED}1001`, { maxBytes: 1000 })).bytes(),
    fault("too-large"),
  );
  sent = 0;
  await assert.rejects(
    async () => (await get(`${FEED}9000000`, { maxBytes: 1000 })).bytes(),
    fault("too-large"),
  );
  assert.ok(sent < 10_000, `${sent} bytes were asked of the far end`);
});

test("each fault of the far end has its name", async (t) => {
  const { get } = await bench(t, async ({ url }, signal) => {
    if (url.endsWith("/refused")) throw new TypeError("connection refused");
    if (url.endsWith("/zstd")) return new Response("x", { headers: { "content-encoding": "zstd" } });
    return await new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
    });
  });
  await assert.rejects(get(`${FEED}refused`), fault("unreachable"));
  await assert.rejects(get(`${FEED}zstd`), fault("bad-answer"));
  await assert.rejects(get(`${FEED}silent`, { timeoutMs: 200 }), fault("timeout"));
});

test("with a clock of its own the home still gets through, by asking once more", async (t) => {
  for (const aheadMs of [3_600_000, -3_600_000]) {
    const { get, asked, front } = await bench(t, () => new Response("ok"), { aheadMs });
    assert.equal(await (await get(FEED)).text(), "ok");
    assert.equal(await (await get(FEED)).text(), "ok");
    assert.deepEqual([asked.length, front.seen.length], [2, 3]);
    t.mock.restoreAll();
  }
});

test("while a key is exchanged either of the two will do; with neither, or without an edge, it says so", async (t) => {
  const [newer, other] = [makeEdgeKey("k2"), makeEdgeKey("k1")];
  const during = await bench(t, () => new Response("ok"), { keys: [newer, KEY] });
  assert.equal(await (await during.get(FEED)).text(), "ok");
  t.mock.restoreAll();
  const wrong = await bench(t, () => new Response("ok"), { keys: [newer, other] });
  await assert.rejects(wrong.get(FEED), fault("edge"));
  assert.equal(wrong.asked.length, 0);
  t.mock.restoreAll();
  const down = await bench(t, () => new Response("ok"), { edgeDown: true });
  await assert.rejects(down.get(FEED), fault("edge"));
});
