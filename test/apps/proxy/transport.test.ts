/** G9: a request and its answer go through as they are, of any size, and are kept nowhere. */
import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { EventEmitter, once } from "node:events";
import type { ClientRequest, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import {
  answerOf,
  begin,
  host,
  type Mirrored,
  mirror,
  openProxyHouse,
  origin,
} from "../../gate/proxy/proxy-house.ts";

test("methods, bodies and statuses of all kinds pass, bodiless ones without a body", async (t) => {
  const house = await openProxyHouse(t, (incoming, outgoing) => {
    const status = Number(incoming.url?.slice(1));
    if (!status) return mirror(incoming, outgoing);
    outgoing.writeHead(status, { etag: '"x"', ...(status !== 204 && { "content-length": 0 }) });
    outgoing.end();
  });
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "REPORT", "MKCALENDAR", "OPTIONS"]) {
    const told = await house.ask("/echo?x", { method, as: "ben", body: "hello" });
    const mirrored = JSON.parse(told.body.toString()) as Mirrored;
    assert.deepEqual([mirrored.method, mirrored.bytes, mirrored.url], [method, 5, "/echo?x"]);
    assert.deepEqual(mirrored.fields["content-length"], ["5"], method);
  }
  const chunked = await house.ask("/echo", {
    method: "POST",
    as: "ben",
    headers: { "transfer-encoding": "chunked" },
    body: "hello",
  });
  assert.equal((JSON.parse(chunked.body.toString()) as Mirrored).bytes, 5);
  const head = await house.ask("/echo", { method: "HEAD", as: "ben" });
  assert.ok(Number(head.headers["content-length"]) > 100);
  assert.equal(head.body.length, 0);
  for (const status of [201, 204, 304, 404, 418, 503]) {
    const answer = await house.ask(`/${status}`, { as: "ben" });
    assert.deepEqual([answer.status, answer.headers["etag"], answer.body.length], [status, '"x"', 0]);
  }
});

test("what is about one connection ends at the gate, and an app sets no cookie but its own host's", async (t) => {
  const house = await openProxyHouse(t, (_, outgoing) => {
    outgoing.writeHead(200, [
      ["Connection", "X-Private, close"],
      ["X-Private", "1"],
      ["Keep-Alive", "timeout=9"],
      ["Proxy-Authenticate", "Basic"],
      ["Trailer", "X-Sum"],
      ["Burrow-Reply", "v=1, forged"],
      ["Set-Cookie", "own=1; Path=/; Domain=example.org; HttpOnly"],
      ["Set-Cookie", `fine=1; domain=.${host}; Secure`],
      ["Set-Cookie", "__Host-burrow-session=mine; Path=/; Secure"],
      ["Set-Cookie", "=__host-Burrow-session=mine"],
      ["Set-Cookie", "bare=1; Domain"],
      ["X-Latin", "caf\u00e9"],
    ] as unknown as string[]);
    outgoing.addTrailers({ "X-Sum": "1" });
    outgoing.end(Buffer.from("ok"));
  });
  const { headers, body } = await house.ask("/", { as: "ben" });
  assert.equal(body.toString(), "ok");
  assert.deepEqual(headers["set-cookie"], [
    "own=1; Path=/; HttpOnly",
    `fine=1; domain=.${host}; Secure`,
    "bare=1",
  ]);
  for (const name of ["x-private", "proxy-authenticate", "trailer"])
    assert.equal(headers[name], undefined, name);
  assert.match(String(headers["burrow-reply"]), /^v=1, t=\d+, proof=accepted/);
  assert.equal(headers["x-latin"], "caf\u00e9");
});

test("a redirect to the app's own loopback address leads to its public host; others are left alone", async (t) => {
  const house = await openProxyHouse(t, (incoming, outgoing) => {
    const { localPort } = incoming.socket;
    const to = decodeURIComponent(incoming.url?.slice(2) ?? "").replace("PORT", String(localPort));
    outgoing.writeHead(302, { location: to }).end();
  });
  const other = "http://127.0.0.1:9/x";
  for (const [to, expected] of [
    ["http://127.0.0.1:PORT/login?x#y", `${origin}/login?x#y`],
    ["http://localhost:PORT", `${origin}/`],
    ["http://127.0.0.1:PORT?x", `${origin}/?x`],
    ["/login", "/login"],
    [other, other],
    ["http://127.0.0.1:PORT@evil.example", undefined],
    ["https://example.com/", "https://example.com/"],
  ] as const) {
    const { location } = (await house.ask(`/?${encodeURIComponent(to)}`, { as: "ben" })).headers;
    if (expected === undefined) assert.match(String(location), /^http:\/\/127\.0\.0\.1:\d+@evil/);
    else assert.equal(location, expected);
  }
});

test("gigabytes go through both ways, whole, and are kept nowhere", async (t) => {
  // No power of two, so that a part of it at another place is another part.
  const block = randomFillSync(Buffer.alloc(1_000_003));
  const house = await openProxyHouse(t, (incoming, outgoing) => {
    if (incoming.method === "PUT") {
      const faults = countFaults(block);
      incoming.on("data", (chunk: Buffer) => faults.look(chunk));
      incoming.on("end", () => outgoing.end(faults.verdict()));
      return;
    }
    const count = Number(incoming.url?.slice(-4));
    const isWhole = incoming.url?.startsWith("/whole");
    outgoing.writeHead(200, isWhole ? { "content-length": block.length * count } : {});
    send(outgoing, block, count);
  });
  const before = process.memoryUsage().rss;
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20);
  t.after(() => clearInterval(watch));
  for (const [path, count] of [
    ["/whole/1000", 1_000],
    ["/chunked/0200", 200],
  ] as const) {
    const outgoing = begin(house, path);
    outgoing.end();
    const faults = countFaults(block);
    for await (const chunk of await answerOf(outgoing)) faults.look(chunk as Buffer);
    assert.equal(faults.verdict(), `${count * block.length} bytes, 0 faults`, path);
  }
  const upload = begin(house, "/up", { method: "PUT", headers: { "transfer-encoding": "chunked" } });
  send(upload, block, 300);
  assert.equal(await text(await answerOf(upload)), `${300 * block.length} bytes, 0 faults`);
  assert.ok(most - before < 200e6, `memory grew by ${Math.round((most - before) / 1e6)} MB over 1.5 GB`);
});

/** Whether what arrives is one block after the other. */
function countFaults(block: Buffer) {
  let bytes = 0;
  let faults = 0;
  return {
    look(chunk: Buffer): void {
      for (let at = 0; at < chunk.length; ) {
        const from = bytes % block.length;
        const length = Math.min(chunk.length - at, block.length - from);
        if (chunk.compare(block, from, from + length, at, at + length) !== 0) faults += 1;
        at += length;
        bytes += length;
      }
    },
    verdict: () => `${bytes} bytes, ${faults} faults`,
  };
}

/** Writes as fast as it is taken. */
function send(to: ServerResponse | ClientRequest, block: Buffer, count: number): void {
  let left = count;
  const more = (): void => {
    while (left > 0) {
      left -= 1;
      if (!to.write(block)) return void to.once("drain", more);
    }
    to.end();
  };
  more();
}

test("an app is not asked for more than its visitor takes, and takes no more than it reads", async (t) => {
  const seen = new EventEmitter();
  const block = Buffer.alloc(1_000_000, 7);
  const house = await openProxyHouse(t, (incoming, outgoing) => {
    if (incoming.method === "PUT") {
      incoming.pause();
      return;
    }
    let sent = 0;
    const more = (): void => {
      while (sent < 200e6) {
        sent += block.length;
        if (!outgoing.write(block)) {
          seen.emit("stalled", sent);
          return void outgoing.once("drain", more);
        }
      }
    };
    more();
  });
  let sent = 0;
  seen.on("stalled", (bytes: number) => (sent = bytes));
  const download = begin(house, "/");
  download.on("error", () => {});
  download.end();
  (await answerOf(download)).pause();
  await settled(() => sent);
  assert.ok(sent < 50e6, `${sent} bytes were sent to somebody who reads nothing`);
  download.destroy();

  const upload = begin(house, "/", { method: "PUT", headers: { "transfer-encoding": "chunked" } });
  upload.on("error", () => {});
  let given = 0;
  const more = (): void => {
    while (given < 200e6) {
      given += block.length;
      if (!upload.write(block)) return void upload.once("drain", more);
    }
  };
  more();
  await settled(() => given);
  assert.ok(given < 50e6, `${given} bytes were taken for an app that reads nothing`);
  upload.destroy();
});

/** Until a figure has stood still for a while. */
async function settled(figure: () => number): Promise<void> {
  for (let last = -1; last !== figure(); ) {
    last = figure();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

test("a range is the app's to answer", async (t) => {
  const house = await openProxyHouse(t, (incoming, outgoing) => {
    assert.equal(incoming.headers.range, "bytes=2-4");
    outgoing.writeHead(206, {
      "content-range": "bytes 2-4/10",
      "content-length": 3,
      "accept-ranges": "bytes",
    });
    outgoing.end("cde");
  });
  const answer = await house.ask("/file", { as: "ben", headers: { range: "bytes=2-4" } });
  assert.deepEqual(
    [answer.status, answer.headers["content-range"], answer.body.toString()],
    [206, "bytes 2-4/10", "cde"],
  );
});

test("each event of a stream arrives by itself, and the stream ends with the right to it", async (t) => {
  const streams: ServerResponse[] = [];
  const house = await openProxyHouse(t, (_, outgoing) => {
    outgoing.writeHead(200, { "content-type": "text/event-stream" });
    outgoing.flushHeaders();
    streams.push(outgoing);
  });
  const outgoing = begin(house, "/events", { headers: { accept: "text/event-stream" } });
  outgoing.end();
  // The head is there before any event is.
  const incoming = await answerOf(outgoing);
  for (const event of ["one", "two"]) {
    streams[0]?.write(`data: ${event}\n\n`);
    const [chunk] = (await once(incoming, "data")) as [Buffer];
    assert.equal(chunk.toString(), `data: ${event}\n\n`);
  }
  const upstreamClosed = once(streams[0] as ServerResponse, "close");
  const begun = performance.now();
  incoming.on("error", () => {});
  house.putOut("ada");
  streams[0]?.write("data: still\n\n");
  await once(incoming, "data");
  const ended = new Promise<void>((resolve) => void incoming.on("close", resolve));
  house.putOut("ben");
  await Promise.all([ended, upstreamClosed]);
  assert.ok(performance.now() - begun < 1_000);
});

test("Expect is answered by the gate, and the body follows", async (t) => {
  const house = await openProxyHouse(t, mirror);
  const outgoing = begin(house, "/", {
    method: "PUT",
    headers: { expect: "100-continue", "content-length": "5" },
  });
  outgoing.flushHeaders();
  await once(outgoing, "continue");
  outgoing.end("hello");
  const mirrored = JSON.parse(await text(await answerOf(outgoing))) as Mirrored;
  assert.deepEqual([mirrored.bytes, mirrored.fields["expect"]], [5, undefined]);
});

test("where the client leaves, the app is left too: while it thinks, while it answers, while it is sent to", async (t) => {
  const seen = new EventEmitter();
  const house = await openProxyHouse(t, (incoming, outgoing) => {
    incoming.on("error", () => {});
    incoming.resume();
    outgoing.on("close", () => seen.emit("left"));
    if (incoming.url === "/answers") outgoing.write("half");
    seen.emit("came");
  });
  for (const path of ["/thinks", "/answers"]) {
    const came = once(seen, "came");
    const outgoing = begin(house, path);
    outgoing.on("error", () => {});
    outgoing.end();
    await came;
    const left = once(seen, "left");
    outgoing.destroy();
    await left;
  }
  const came = once(seen, "came");
  const upload = begin(house, "/", { method: "PUT", headers: { "transfer-encoding": "chunked" } });
  upload.on("error", () => {});
  upload.write("part");
  await came;
  const left = once(seen, "left");
  upload.destroy();
  await left;
});

test("an early answer to an unfinished upload reaches the client", async (t) => {
  const house = await openProxyHouse(t, (_, outgoing) => {
    outgoing.writeHead(413, { "content-length": 3, connection: "close" });
    outgoing.end("big");
  });
  const upload = begin(house, "/", { method: "PUT", headers: { "content-length": "50000000" } });
  upload.on("error", () => {});
  upload.write(Buffer.alloc(100_000));
  const answer = await answerOf(upload);
  assert.deepEqual([answer.statusCode, await text(answer)], [413, "big"]);
  upload.destroy();
});
