import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { test, type TestContext } from "node:test";
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from "node:zlib";

import type { OutboundInit } from "../../../origin/host/outbound/outbound.ts";
import { benchOutbound, fault, startStand } from "./outbound-bench.ts";

const FEED = "http://feed.example.org/";

/** One foreign server under several names, and a canary on loopback that nobody may reach. */
async function bench(t: TestContext, answer?: (url: string, response: ServerResponse) => void) {
  const feed = await startStand(t, answer && ((request, response) => answer(request.url ?? "", response)));
  const canary = await startStand(t);
  const made = benchOutbound(t, {
    stands: { "198.51.100.7:80": feed, "198.51.100.8:80": feed },
    names: {
      "feed.example.org": ["198.51.100.7"],
      "other.example.org": ["198.51.100.8"],
      "canary.example.org": ["127.0.0.1"],
    },
  });
  const get = (url: string, init?: OutboundInit) => made.outbound.fetch("guarded", url, init);
  return { ...made, feed, canary, get };
}

function latest(held: readonly ServerResponse[]): ServerResponse {
  const response = held.at(-1);
  assert.ok(response);
  return response;
}

test("a page is fetched, its codings undone, without cookies in or out", async (t) => {
  const codings = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync };
  const { get, feed } = await bench(t, (url, response) => {
    const coding = url.slice(1) as keyof typeof codings | "";
    if (coding === "") response.end("plain words");
    else
      response
        .writeHead(200, { "content-encoding": coding, "set-cookie": "a=b" })
        .end(codings[coding]("packed words"));
  });
  assert.equal(await (await get(FEED)).text(), "plain words");
  for (const coding of Object.keys(codings)) {
    const answer = await get(`${FEED}${coding}`, {
      headers: { cookie: "a=b", host: "canary.example.org", connection: "upgrade", "accept-encoding": "x" },
    });
    assert.equal(await answer.text(), "packed words", coding);
    assert.equal(answer.headers.get("set-cookie"), null);
    assert.equal(answer.headers.get("content-encoding"), null);
  }
  const headers = feed.seen.at(-1)?.headers;
  assert.equal(headers?.cookie, undefined);
  assert.equal(headers?.host, "feed.example.org");
  assert.equal(headers["accept-encoding"], "gzip, br, zstd");
  assert.equal(headers["user-agent"], "Burrow");
});

test("any status is an answer, with the address that gave it", async (t) => {
  const { get } = await bench(t, (url, response) => response.writeHead(Number(url.slice(1))).end());
  for (const status of [204, 205, 304, 404, 500]) {
    const answer = await get(`${FEED}${status}`);
    assert.deepEqual([answer.status, answer.url], [status, `${FEED}${status}`]);
    assert.equal(await answer.text(), "");
  }
  assert.equal((await get(`${FEED}200`, { method: "HEAD" })).body, null);
});

test("redirects are followed by hand, five at most, and each is judged", async (t) => {
  const { get, feed, canary } = await bench(t, (url, response) => {
    const steps = /^\/steps\/(\d+)$/.exec(url)?.[1];
    const location = steps === undefined ? decodeURIComponent(url.slice(4)) : `/steps/${Number(steps) - 1}`;
    if (url === "/steps/0") response.end("arrived");
    else response.writeHead(302, { location }).end("never read");
  });
  const arrived = await get(`${FEED}steps/5`);
  assert.equal(await arrived.text(), "arrived");
  assert.equal(arrived.url, `${FEED}steps/0`);
  await assert.rejects(get(`${FEED}steps/6`), fault("too-many-redirects"));

  const before = feed.seen.length;
  const inward = [
    ["http://127.0.0.1/", "http://2130706433/", "http://[::1]/", "//127.1/", "http://canary.example.org/"],
    [
      "http://localhost/",
      "http://169.254.169.254/latest/",
      "https://burrow.example.org/",
      "\\\\127.0.0.1\\a",
    ],
    [`http://[::ffff:7f00:1]/`, "http://router.home.arpa/"],
  ].flat();
  for (const location of inward)
    await assert.rejects(
      get(`${FEED}to/${encodeURIComponent(location)}`),
      fault("forbidden-address"),
      location,
    );
  for (const location of [
    `http://127.0.0.1:${canary.port}/`,
    "file:///etc/passwd",
    "http://ada@feed.example.org/",
  ])
    await assert.rejects(get(`${FEED}to/${encodeURIComponent(location)}`), fault("bad-url"), location);
  await assert.rejects(get(`${FEED}to/${encodeURIComponent("http://[")}`), fault("bad-redirect"));
  assert.equal(feed.seen.length, before + inward.length + 4);
  assert.equal(canary.connections(), 0);
});

test("across origins nothing goes along by which the first server knew the asker", async (t) => {
  const { get, feed } = await bench(t, (url, response) => {
    const [, status, host] = url.split("/");
    if (host === undefined) response.end("ok");
    else response.writeHead(Number(status), { location: `http://${host}/end` }).end();
  });
  const headers = {
    authorization: "Bearer x",
    "x-api-key": "y",
    "accept-language": "nl",
    "if-none-match": '"z"',
  };
  await (await get(`${FEED}301/other.example.org`, { headers })).text();
  const other = feed.seen.at(-1)?.headers;
  assert.deepEqual(
    ["authorization", "x-api-key", "if-none-match", "accept-language", "host"].map((name) => other?.[name]),
    [undefined, undefined, undefined, "nl", "other.example.org"],
  );
  await (await get(`${FEED}301/feed.example.org`, { headers })).text();
  assert.equal(feed.seen.at(-1)?.headers.authorization, "Bearer x");

  const post = { method: "POST", body: "secret words", headers: { "content-type": "text/plain" } };
  await (await get(`${FEED}302/other.example.org`, post)).text();
  assert.deepEqual(
    [feed.seen.at(-1)?.method, feed.seen.at(-1)?.body, feed.seen.at(-1)?.headers["content-type"]],
    ["GET", "", undefined],
  );
  await (await get(`${FEED}307/feed.example.org`, post)).text();
  assert.deepEqual([feed.seen.at(-1)?.method, feed.seen.at(-1)?.body], ["POST", "secret words"]);
  await assert.rejects(get(`${FEED}308/other.example.org`, post), fault("bad-redirect"));
});

test("an answer past the cap is broken off, declared or not, to the byte", async (t) => {
  const { get } = await bench(t, (url, response) => {
    const size = Number(url.slice(2));
    if (url.startsWith("/d")) response.writeHead(200, { "content-length": size });
    response.end(Buffer.alloc(size, "a"));
  });
  for (const kind of ["d", "c"]) {
    assert.equal((await (await get(`${FEED}${kind}1000`, { maxBytes: 1000 })).text()).length, 1000);
    await assert.rejects(
      async () => (await get(`${FEED}${kind}1001`, { maxBytes: 1000 })).text(),
      fault("too-large"),
    );
  }
});

test("a bomb is cut off where it has grown to the cap, in every coding", async (t) => {
  const zeros = Buffer.alloc(64_000_000);
  const bombs: Record<string, Buffer> = {
    gzip: gzipSync(zeros),
    br: brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
    zstd: zstdCompressSync(zeros),
  };
  const { get } = await bench(t, (url, response) => {
    const coding = url.slice(1);
    response.writeHead(200, { "content-encoding": coding }).end(bombs[coding]);
  });
  for (const [coding, bomb] of Object.entries(bombs)) {
    assert.ok(bomb.length < 200_000, coding);
    let taken = 0;
    await assert.rejects(async () => {
      const answer = await get(`${FEED}${coding}`, { maxBytes: 1_000_000 });
      for await (const chunk of answer.body ?? []) taken += chunk.byteLength;
    }, fault("too-large"));
    assert.ok(taken <= 1_000_000, coding);
  }
});

test("codings that were not offered, that are stacked, broken or grow to nothing are refused", async (t) => {
  const packed = gzipSync("words");
  // One block of one letter, and the claim that a window of 128 MB is needed for it (RFC 8878 §3.1.1).
  const wide = Buffer.from("28b52ffd008809000061", "hex");
  const { get } = await bench(t, (url, response) => {
    const [, kind] = url.split("/");
    if (kind === "empty") {
      // Gzip members of nothing, one after the other: no output, ever.
      response.writeHead(200, { "content-encoding": "gzip" });
      const members = Buffer.concat(Array.from({ length: 500 }, () => gzipSync("")));
      const feedOn = (): void =>
        void (response.write(members) ? setImmediate(feedOn) : response.once("drain", feedOn));
      response.on("error", () => undefined);
      feedOn();
    } else if (kind === "cut")
      response.writeHead(200, { "content-encoding": "gzip" }).end(packed.subarray(0, -6));
    else if (kind === "wide") response.writeHead(200, { "content-encoding": "zstd" }).end(wide);
    else response.writeHead(200, { "content-encoding": decodeURIComponent(kind ?? "") }).end(packed);
  });
  for (const kind of ["deflate", "compress", "gzip, gzip", "br", "cut", "wide"])
    await assert.rejects(
      async () => (await get(`${FEED}${encodeURIComponent(kind)}`)).text(),
      fault("bad-answer"),
      kind,
    );
  await assert.rejects(
    async () => (await get(`${FEED}empty`, { maxBytes: 1000 })).text(),
    fault("too-large"),
  );
});

test("the whole has one time: silent, dripping and unread servers do not outlast it", async (t) => {
  const held: ServerResponse[] = [];
  const { get, feed } = await bench(t, (url, response) => {
    held.push(response);
    if (url === "/silent") return;
    response.writeHead(200, { "content-type": "text/plain" }).write("a");
    if (url !== "/drip") return;
    const drip = setInterval(() => response.write("a"), 10);
    response.on("close", () => clearInterval(drip));
  });
  await assert.rejects(get(`${FEED}silent`, { timeoutMs: 100 }), fault("timeout"));
  await assert.rejects(async () => (await get(`${FEED}drip`, { timeoutMs: 100 })).text(), fault("timeout"));
  const unread = await get(`${FEED}unread`, { timeoutMs: 1_000 });
  await once(latest(held), "close");
  await assert.rejects(unread.text(), fault("timeout"));
  assert.equal(feed.seen.length, 3);
});

test("a resolver that fails or never answers does not outlast it either", async (t) => {
  const { outbound } = benchOutbound(t, {
    names: {
      "failing.example.org": () => Promise.reject(new Error("EAI_AGAIN")),
      "silent.example.org": () => new Promise(() => undefined),
    },
  });
  await assert.rejects(outbound.fetch("guarded", "http://failing.example.org/"), fault("unreachable"));
  await assert.rejects(
    outbound.fetch("guarded", "http://silent.example.org/", { timeoutMs: 100 }),
    fault("timeout"),
  );
});

test("whoever calls it off, or lets go of the body, frees the connection", async (t) => {
  const held: ServerResponse[] = [];
  const { get } = await bench(t, (_, response) => {
    held.push(response);
    response.writeHead(200).write("a");
  });
  const stop = new AbortController();
  const answer = await get(FEED, { signal: stop.signal });
  const closed = once(latest(held), "close");
  stop.abort();
  await assert.rejects(answer.text(), fault("aborted"));
  await closed;
  await assert.rejects(get(FEED, { signal: AbortSignal.abort() }), fault("aborted"));

  const released = await get(FEED);
  const gone = once(latest(held), "close");
  await released.body?.cancel();
  await gone;
});

test("only so many at once, and each that ends makes room for another", async (t) => {
  const held: ServerResponse[] = [];
  const { get } = await bench(t, (_, response) => {
    held.push(response);
    response.writeHead(200).write("a");
  });
  const answers = await Promise.all(Array.from({ length: 32 }, (_, n) => get(`${FEED}${n}`)));
  await assert.rejects(get(FEED), fault("busy"));
  await answers[0]?.body?.cancel();
  held[1]?.end();
  await answers[1]?.text();
  for (const answer of [await get(FEED), await get(FEED)]) await answer.body?.cancel();
  for (const response of held) response.end();
  await Promise.all(answers.slice(2).map((answer) => answer.text()));
});

test("answers that nobody reads give their room back when their time is up", async (t) => {
  const closed: Promise<unknown>[] = [];
  const { get } = await bench(t, (_, response) => {
    closed.push(once(response, "close"));
    response.writeHead(200).write("a");
  });
  await Promise.all(Array.from({ length: 32 }, (_, n) => get(`${FEED}${n}`, { timeoutMs: 2_000 })));
  await Promise.all(closed);
  await (await get(FEED)).body?.cancel();
});

test("this server is no client of itself, by any name that it has", async (t) => {
  const { outbound, resolved } = benchOutbound(t, {
    environment: {
      BURROW_PUBLIC_URL: "https://www.example.org",
      BURROW_EDGE_TUNNEL_HOST: "way-in.example.org",
    },
  });
  for (const host of ["burrow.example.org", "www.example.org", "way-in.example.org"])
    await assert.rejects(outbound.fetch("guarded", `https://${host}/`), fault("forbidden-address"), host);
  assert.deepEqual(resolved, []);
});

test("what cannot be sent is refused before anything leaves", async (t) => {
  const { get, resolved } = await bench(t);
  for (const init of [
    { method: "PUT" },
    { method: "CONNECT" },
    { method: "get" },
    { body: "on a GET" },
    { method: "POST", body: "a".repeat(131_073) },
    { headers: { "x-split": "a\r\nhost: canary.example.org" } },
    { headers: { "bad name": "a" } },
  ] as OutboundInit[])
    await assert.rejects(get(FEED, init), fault("bad-request"), JSON.stringify(init));
  assert.deepEqual(resolved, []);
});

test("neither a message nor a log line tells what listens at home, or a feed's secret path", async (t) => {
  const { get, lines } = await bench(t);
  await assert.rejects(get("http://canary.example.org/private-token"), (error: Error) => {
    assert.doesNotMatch(error.message, /127\.|canary/);
    return true;
  });
  assert.match(lines.join(), /"outbound\.failed".*canary\.example\.org.*forbidden-address/);
  assert.doesNotMatch(lines.join(), /private-token|127\.0\.0\.1/);
});
