/** G9: an app that fails is told of honestly, takes nobody along, and nothing is read as two requests. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect, createServer as createTcpServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";

import {
  answerOf,
  begin,
  cookieOf,
  mirror,
  openProxyHouse,
  type ProxyHouse,
} from "../../gate/proxy/proxy-house.ts";

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
    const outgoing = begin(house, "/");
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
  const clients = Array.from({ length: 128 }, () => begin(house, "/"));
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
    const { "content-length": length = "none" } = incoming.headers;
    outgoing.end(`${incoming.url}, content: ${length}`);
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
  assert.match(got, /\/one, content: none/);
  assert.equal((await house.ask("/two", { as: "ben" })).body.toString(), "/two, content: none");
});
