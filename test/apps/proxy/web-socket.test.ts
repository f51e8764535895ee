/** G9: a WebSocket opens behind the same gate, and ends when its right does. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";

import { cookieOf, mirror, openProxyHouse, origin, type ProxyHouse } from "../../gate/proxy/proxy-house.ts";

/** An app that echoes, and says first what it was told. */
async function openEchoHouse(t: TestContext, settings: Record<string, unknown> = {}) {
  const house = await openProxyHouse(t, mirror, settings);
  const sockets = new WebSocketServer({
    server: house.upstream,
    handleProtocols: (offered) => [...offered][0] ?? false,
  });
  const asked: IncomingMessage[] = [];
  sockets.on("connection", (socket, incoming) => {
    asked.push(incoming);
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  t.after(() => sockets.close());
  return { house, asked, sockets };
}

function open(house: ProxyHouse, headers: Record<string, string>, path = "/live?x=1", protocol?: string) {
  const url = `ws://127.0.0.1:${house.port}${path}`;
  return new WebSocket(url, protocol, { headers: house.signed("GET", path, headers) });
}

async function refusalOf(socket: WebSocket): Promise<{ status: number; body: string; reply: string }> {
  socket.on("error", () => {});
  const [, answer] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
  const reply = String(answer.headers["burrow-reply"]);
  return { status: answer.statusCode ?? 0, body: await text(answer), reply };
}

test("a socket of the app's own page opens, echoes, and knows who asks", async (t) => {
  const { house, asked } = await openEchoHouse(t);
  const headers = { cookie: `${cookieOf("ben")}; own=1`, origin, "remote-user": "ada" };
  const socket = open(house, headers, "/live?x=1", "chat");
  const opened = once(socket, "open");
  const [upgraded] = (await once(socket, "upgrade")) as [IncomingMessage];
  assert.match(String(upgraded.headers["burrow-reply"]), /^v=1, t=\d+, proof=accepted/);
  await opened;
  assert.equal(socket.protocol, "chat");
  for (const message of ["hello", "x".repeat(1_000_000)]) {
    socket.send(message);
    const [echo] = (await once(socket, "message")) as [Buffer];
    assert.equal(echo.toString(), message);
  }
  const [incoming] = asked;
  assert.equal(incoming?.url, "/live?x=1");
  assert.equal(incoming?.headers["remote-user"], "ben");
  assert.equal(incoming?.headers.cookie, "own=1");
  assert.equal(incoming?.headers.host, "notes.example.org");
  socket.close();
  const [code] = (await once(socket, "close")) as [number];
  assert.equal(code, 1005);
});

test("a socket that nobody may open is refused like any request, with its proof", async (t) => {
  const { house, asked } = await openEchoHouse(t, { who: ["ben"] });
  for (const [headers, status] of [
    [{ origin }, 401],
    [{ origin, cookie: cookieOf("nobody") }, 401],
    [{ origin, cookie: cookieOf("ada") }, 403],
    // A page of a sibling app is same-site: the cookie comes along, and must not do.
    [{ origin: "https://other.example.org", cookie: cookieOf("ben") }, 403],
    [{ cookie: cookieOf("ben") }, 403],
  ] as const) {
    const refused = await refusalOf(open(house, headers));
    assert.equal(refused.status, status);
    assert.match(refused.reply, /proof=accepted/);
    assert.ok(JSON.parse(refused.body));
  }
  const unsigned = await refusalOf(new WebSocket(`ws://127.0.0.1:${house.port}/`));
  assert.deepEqual([unsigned.status, unsigned.body], [401, ""]);
  assert.equal(asked.length, 0);
});

test("where everyone may enter, a foreign page's socket is nobody's", async (t) => {
  const { house, asked } = await openEchoHouse(t, { who: "everyone" });
  for (const from of ["https://other.example.org", origin]) {
    const socket = open(house, { origin: from, cookie: cookieOf("ben") });
    await once(socket, "open");
    socket.terminate();
  }
  assert.deepEqual(
    asked.map(({ headers }) => headers["remote-user"]),
    [undefined, "ben"],
  );
});

test("an open socket ends within a second of the right to it, and no other does", async (t) => {
  const { house } = await openEchoHouse(t);
  const [ada, ben] = ["ada", "ben"].map((name) => open(house, { cookie: cookieOf(name), origin })) as [
    WebSocket,
    WebSocket,
  ];
  await Promise.all([once(ada, "open"), once(ben, "open")]);
  const begun = performance.now();
  const closed = once(ben, "close");
  house.putOut("ben");
  await closed;
  assert.ok(performance.now() - begun < 1_000);
  ada.send("still here");
  const [echo] = (await once(ada, "message")) as [Buffer];
  assert.equal(echo.toString(), "still here");
  ada.terminate();
});

test("when one side goes, so does the other", async (t) => {
  const { house, sockets } = await openEchoHouse(t);
  const first = open(house, { cookie: cookieOf("ben"), origin });
  await once(first, "open");
  const gone = once(first, "close");
  for (const client of sockets.clients) client.terminate();
  await gone;
  const second = open(house, { cookie: cookieOf("ben"), origin });
  const [server] = (await once(sockets, "connection")) as [WebSocket];
  await once(second, "open");
  const left = once(server, "close");
  second.terminate();
  await left;
});

test("an app that opens no socket answers as it likes, and the connection ends after that", async (t) => {
  const house = await openProxyHouse(t, (_, outgoing) => {
    outgoing.writeHead(404, { "content-type": "text/plain" }).end("no sockets here");
  });
  const refused = await refusalOf(open(house, { cookie: cookieOf("ben"), origin }));
  assert.deepEqual([refused.status, refused.body], [404, "no sockets here"]);
  const away = await openProxyHouse(t, mirror, { upstream: "unix:/nonexistent/app.sock" });
  assert.equal((await refusalOf(open(away, { cookie: cookieOf("ben"), origin }))).status, 502);
});

test("what the client sends behind its request is not lost", async (t) => {
  const { house } = await openEchoHouse(t);
  const headers = house.signed("GET", "/", { cookie: cookieOf("ben"), origin });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(house.port, "127.0.0.1");
  const head =
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}\r\n${lines.join("")}\r\n`;
  // A masked text frame "hi" (RFC 6455 §5.2), the mask all zeros.
  socket.write(Buffer.concat([Buffer.from(head), Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])]));
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    if (received.includes(Buffer.from([0x81, 0x02, 0x68, 0x69]))) break;
  }
  assert.match(received.toString("latin1"), /^HTTP\/1\.1 101 Switching Protocols\r\n/);
});
