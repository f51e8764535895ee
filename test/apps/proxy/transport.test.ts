/** G9: a request and its answer go through as they are, of any size, and no half of one looks whole. */
import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect, createServer as createTcpServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";

import {
  cookieOf,
  host,
  type Mirrored,
  mirror,
  openProxyHouse,
  origin,
  type ProxyHouse,
} from "../../gate/proxy/proxy-house.ts";

/** A request whose answer is looked at while it arrives. */
async function begin(
  house: ProxyHouse,
  path: string,
  options: { method?: string; headers?: Record<string, string>; as?: string } = {},
) {
  const { method = "GET", headers = {}, as = "ben" } = options;
  const outgoing = request({
    port: house.port,
    host: "127.0.0.1",
    method,
    path,
    agent: false,
    headers: house.signed(method, path, { cookie: cookieOf(as), ...headers }),
  });
  return outgoing;
}

async function answerOf(outgoing: ReturnType<typeof request>): Promise<IncomingMessage> {
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  return incoming;
}

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
      incoming.on("data", faults.look);
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
    const outgoing = await begin(house, path);
    outgoing.end();
    const faults = countFaults(block);
    for await (const chunk of await answerOf(outgoing)) faults.look(chunk as Buffer);
    assert.equal(faults.verdict(), `${count * block.length} bytes, 0 faults`, path);
  }
  const upload = await begin(house, "/up", { method: "PUT", headers: { "transfer-encoding": "chunked" } });
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
function send(to: ServerResponse | ReturnType<typeof request>, block: Buffer, count: number): void {
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
    if (incoming.method === "PUT") return void incoming.pause();
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
  const download = await begin(house, "/");
  download.on("error", () => {});
  download.end();
  (await answerOf(download)).pause();
  await settled(() => sent);
  assert.ok(sent < 50e6, `${sent} bytes were sent to somebody who reads nothing`);
  download.destroy();

  const upload = await begin(house, "/", { method: "PUT", headers: { "transfer-encoding": "chunked" } });
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
  const outgoing = await begin(house, "/events", { headers: { accept: "text/event-stream" } });
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
  const outgoing = await begin(house, "/", {
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
    const outgoing = await begin(house, path);
    outgoing.on("error", () => {});
    outgoing.end();
    await came;
    const left = once(seen, "left");
    outgoing.destroy();
    await left;
  }
  const came = once(seen, "came");
  const upload = await begin(house, "/", { method: "PUT", headers: { "transfer-encoding": "chunked" } });
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
  const upload = await begin(house, "/", { method: "PUT", headers: { "content-length": "50000000" } });
  upload.on("error", () => {});
  upload.write(Buffer.alloc(100_000));
  const answer = await answerOf(upload);
  assert.deepEqual([answer.statusCode, await text(answer)], [413, "big"]);
  upload.destroy();
});

/** A program that speaks for itself, byte by byte. */
async function openRawHouse(t: TestContext, speak: (socket: Socket) => void): Promise<ProxyHouse> {
  const raw = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => speak(socket));
  });
  raw.listen(0, "127.0.0.1");
  await once(raw, "listening");
  t.after(() => raw.close());
  const { port } = raw.address() as { port: number };
  return await openProxyHouse(t, mirror, { upstream: `http://127.0.0.1:${port}` });
}

test("an app that is away, breaks off or answers oddly is told of honestly, and when to try again", async (t) => {
  const close = (answer: string) => (socket: Socket) => void socket.end(answer);
  for (const [answer, code] of [
    ["", "app_broke_off"],
    ["HTTP/1.1 200 OK\r\nContent-Le", "app_broke_off"],
    ["SSH-2.0-OpenSSH_9.2\r\n", "app_odd"],
    ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "app_odd"],
    [`HTTP/1.1 200 OK\r\nX-Large: ${"x".repeat(40_000)}\r\n\r\n`, "app_odd"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "app_odd"],
  ] as const) {
    const house = await openRawHouse(t, close(answer));
    const told = await house.ask("/", { as: "ben" });
    assert.equal(told.status, 502, answer);
    assert.ok(Number(told.headers["retry-after"]) > 0);
    const { error } = JSON.parse(told.body.toString()) as { error: string };
    assert.equal(error, code, answer.slice(0, 60) + house.lines.join(""));
    const page = await house.ask("/", { as: "ben", headers: { accept: "text/html" } });
    assert.match(page.body.toString(), /<h1>This app/);
  }
  const away = await openProxyHouse(t, mirror, { upstream: "unix:/nonexistent/app.sock" });
  const told = await away.ask("/", { as: "ben" });
  assert.match(told.body.toString(), /app_away/);
  assert.match(away.lines.join(""), /proxy\.app-failed/);
});

test("half an answer never looks whole", async (t) => {
  for (const answer of [
    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
  ]) {
    const house = await openRawHouse(t, (socket) => void socket.end(answer));
    const outgoing = await begin(house, "/");
    outgoing.end();
    const incoming = await answerOf(outgoing);
    await assert.rejects(text(incoming), /aborted/);
  }
});

test("interim answers and a coding beside a length do not confuse who reads the answer", async (t) => {
  for (const [answer, body] of [
    ["HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"],
    ["HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"],
  ] as const) {
    const house = await openRawHouse(t, (socket) => void socket.end(answer));
    const told = await house.ask("/", { as: "ben" });
    assert.deepEqual([told.status, told.body.toString()], [200, body]);
  }
  const both =
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n";
  const house = await openRawHouse(t, (socket) => void socket.end(both));
  const told = await house.ask("/", { as: "ben" });
  assert.ok(told.status === 502 || (told.headers["content-length"] ?? "4") === "4");
});

test("a kept connection that the app has closed meanwhile costs a reader nothing", async (t) => {
  let answers = 0;
  const house = await openRawHouse(t, (socket) => {
    answers += 1;
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    // Says that it stays open, and ends at the next request.
    socket.once("data", () => socket.destroy());
  });
  for (let index = 0; index < 3; index += 1) {
    assert.equal((await house.ask("/", { as: "ben" })).status, 200);
  }
  assert.equal(answers, 3);
  const posted = await house.ask("/", { method: "POST", as: "ben", body: "x" });
  assert.equal(posted.status, 502, "what may have been done is not done again");
});

test("one app cannot have all connections: past its share it is busy, and says so", async (t) => {
  const waiting: ServerResponse[] = [];
  const seen = new EventEmitter();
  const house = await openProxyHouse(t, (_, outgoing) => {
    waiting.push(outgoing);
    seen.emit("came");
  });
  const clients = await Promise.all(Array.from({ length: 128 }, () => begin(house, "/")));
  for (const client of clients) client.on("error", () => {}).end();
  while (waiting.length < 128) await once(seen, "came");
  const refused = await house.ask("/", { as: "ben" });
  assert.deepEqual([refused.status, refused.headers["retry-after"]], [503, "1"]);
  const first = clients[0] as (typeof clients)[number];
  const answered = answerOf(first);
  waiting[0]?.end("done");
  assert.equal(await text(await answered), "done");
  const next = once(seen, "came");
  const again = house.ask("/", { as: "ben" });
  await next;
  waiting.at(-1)?.end("again");
  assert.equal((await again).body.toString(), "again");
  for (const client of clients) client.destroy();
});

test("what could be read as two requests is read as none", async (t) => {
  let heard = 0;
  const house = await openProxyHouse(t, (incoming, outgoing) => {
    heard += 1;
    outgoing.end(incoming.url);
  });
  const proofs = (method: string, path: string) =>
    Object.entries(house.signed(method, path, { cookie: cookieOf("ben") }))
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("");
  const raw = async (head: string): Promise<string> => {
    const socket = connect(house.port, "127.0.0.1");
    socket.write(head);
    return await text(socket);
  };
  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const lines of [
    `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding: chunked\r\nContent-Length: ${5 + smuggled.length}\r\n\r\n0\r\n\r\n${smuggled}`,
    `Content-Length: 1\r\nContent-Length: 50\r\n\r\n0${smuggled}`,
    `Transfer-Encoding: xchunked\r\n\r\n${smuggled}`,
    `Transfer-Encoding: identity, chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding:\u000bchunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  ]) {
    const answer = await raw(
      `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${proofs("POST", "/")}${lines}`,
    );
    assert.doesNotMatch(answer, /smuggled/, lines);
  }
  // The refused answer that a pipelined second request gets has no proof, and reaches no app.
  const before = heard;
  for (const [line, signedAs] of [
    ["GET http://notes.example.org/x HTTP/1.1", "/x"],
    ["GET http://127.0.0.1/x HTTP/1.1", "http://127.0.0.1/x"],
    ["GET * HTTP/1.1", "*"],
  ] as const) {
    assert.match(
      await raw(`${line}\r\nHost: x\r\nConnection: close\r\n${proofs("GET", signedAs)}\r\n`),
      /^HTTP\/1\.1 401 /,
    );
  }
  const traced = await raw(`TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${proofs("TRACE", "/")}\r\n`);
  assert.match(traced, /^HTTP\/1\.1 405 /);
  assert.equal(heard, before);
  // Content of a GET would lie before the next request on the app's connection.
  const got = await raw(
    `GET /one HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${proofs("GET", "/one")}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
  );
  assert.match(got, /\/one/);
  assert.equal((await house.ask("/two", { as: "ben" })).body.toString(), "/two");
});
