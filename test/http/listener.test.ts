import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono } from "hono";

import type { App } from "../../origin/app.ts";
import type { ListenAddress } from "../../origin/config/config.ts";
import { createLog } from "../../origin/host/log.ts";
import { BindError } from "../../origin/http/bind.ts";
import { createDispatch } from "../../origin/http/dispatch.ts";
import { createEdgeProof } from "../../origin/http/edge-proof.ts";
import { type Listener, startListener } from "../../origin/http/listener.ts";
import { openNonces } from "../../origin/http/nonces.ts";
import type { HttpEnv } from "../../origin/http/request-context.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { ADA, makeEdgeKey, readReply, signedHeaders } from "./signed-request.ts";

const key = makeEdgeKey("k1");
const nonceOf = (headers: Record<string, string>) =>
  /nonce="([^"]+)"/.exec(headers["signature-input"] ?? "")?.[1] ?? "";
const now = () => ADA.time * 1000;

interface Frame {
  listener: Listener;
  lines: string[];
  folder: string;
}

/** The frame with one small app behind it, on a real socket. */
async function start(
  t: TestContext,
  build: (routes: Hono<HttpEnv>) => void,
  listen?: ListenAddress,
  mostConnections?: number,
): Promise<Frame> {
  const folder = temporaryFolder(t);
  const lines: string[] = [];
  const log = createLog({ level: "debug", now, write: (line) => lines.push(line) });
  const routes = new Hono<HttpEnv>();
  build(routes);
  const app: App = { name: "small", host: "apex", routes, backup: { databases: [], blobs: [] } };
  const nonces = openNonces({ folder: join(folder, "nonces"), now });
  const hosts = new Map([[ADA.host, "apex"]]);
  const listener = await startListener({
    listen: listen ?? { kind: "tcp", host: "127.0.0.1", port: 0 },
    proof: createEdgeProof({ keys: [key], now, nonces, panic: () => "none" }),
    hosts,
    dispatch: createDispatch({ hosts, apps: [app], gateRoutes: new Hono<HttpEnv>(), log }),
    log,
    ...(mostConnections !== undefined && { mostConnections }),
  });
  t.after(async () => {
    await listener.close(0);
    nonces.close();
  });
  return { listener, lines, folder };
}

interface Ask {
  method?: string;
  path?: string;
  headers?: Record<string, string | string[]>;
  body?: string;
  host?: string;
  accessJwt?: string;
}

/** A signed request, whose answer's proof is checked like the edge checks it. */
async function ask(
  { listener }: Frame,
  { method = "GET", path = "/", headers = {}, body, host, accessJwt }: Ask = {},
) {
  const { address } = listener;
  const proof = signedHeaders({
    key,
    created: ADA.time,
    method,
    target: path,
    ...(accessJwt !== undefined && { accessJwt }),
    client: { ...ADA, ...(host !== undefined && { host }) },
  });
  const where =
    address.kind === "tcp" ? { host: address.host, port: address.port } : { socketPath: address.path };
  const outgoing = request({ ...where, method, path, headers: { ...headers, ...proof }, agent: false });
  outgoing.end(body);
  const [incoming] = await once(outgoing, "response");
  const reply = readReply(incoming.headers["burrow-reply"], key, nonceOf(proof), incoming.statusCode);
  return {
    status: incoming.statusCode as number,
    headers: incoming.headers,
    body: await text(incoming),
    reply,
  };
}

test("an answer carries the proof of its nonce and status, whoever wrote it", async (t) => {
  const frame = await start(t, (routes) => {
    routes.get("/text", (c) => c.text("hello"));
    routes.get("/redirect", (c) => c.redirect("/text"));
    routes.get("/empty", (c) => c.body(null, 204));
    routes.get("/not-modified", (c) => c.body(null, 304));
    routes.get("/stream", (c) => c.body(new Blob(["a", "b"]).stream()));
    routes.get("/fails", () => {
      throw new Error("no");
    });
    routes.get("/raw", (c) => {
      c.env.outgoing.end("written by hand");
      return RESPONSE_ALREADY_SENT;
    });
  });
  const paths = {
    "/text": 200,
    "/redirect": 302,
    "/empty": 204,
    "/not-modified": 304,
    "/stream": 200,
    "/fails": 500,
    "/raw": 200,
    "/none": 404,
    "/health": 200,
  };
  for (const [path, status] of Object.entries(paths)) {
    const answer = await ask(frame, { path });
    assert.equal(answer.status, status, path);
    assert.equal(answer.reply?.proof, "accepted", path);
  }
});

test("a guess is told to the edge with the answer", async (t) => {
  const frame = await start(t, (routes) => {
    routes.post("/sign-in", (c) => {
      c.env.context.guess = "failed";
      return c.text("no", 403);
    });
  });
  const answer = await ask(frame, { method: "POST", path: "/sign-in", body: "x" });
  assert.equal(answer.reply?.guess, "failed");
});

test("the app sees the signed client, and neither the proof nor a claimed identity", async (t) => {
  const frame = await start(t, (routes) => {
    routes.get("/me", (c) =>
      c.json({
        client: c.env.context.client,
        url: c.req.url,
        headers: c.req.header(),
        raw: c.env.incoming.rawHeaders,
      }),
    );
  });
  const forged = {
    host: "evil.example.com",
    "X-Forwarded-For": "203.0.113.9",
    x_forwarded_host: "evil.example.com",
    "Remote-User": "ada",
    REMOTE_USER: "ada",
    "X-Auth-Request-Email": "ada@example.org",
    "cf-connecting-ip": "203.0.113.9",
    "X-Real-IP": "203.0.113.9",
    "X-HTTP-Method-Override": "DELETE",
    Burrow_Client: "x",
    cookie: ["a=1; CF_Authorization=x", "CF_AppSession=y; b=2"],
    accept: "application/json",
  };
  const answer = await ask(frame, { path: "/me", headers: forged });
  const seen = JSON.parse(answer.body) as {
    client: object;
    url: string;
    headers: Record<string, string>;
    raw: string[];
  };
  assert.deepEqual(seen.client, { host: ADA.host, scheme: "https", address: ADA.addr, ray: "", country: "" });
  assert.equal(seen.url, `http://${ADA.host}/me`);
  assert.deepEqual(seen.headers, {
    host: ADA.host,
    cookie: "a=1; b=2",
    accept: "application/json",
    connection: "close",
  });
  assert.ok(
    !/remote|forwarded|burrow-client|burrow_client|signature|evil|cf_/i.test(seen.raw.join(" ")),
    seen.raw.join(" "),
  );
});

test("routes by the signed host: another one gets 421 that tells nothing", async (t) => {
  const frame = await start(t, (routes) => routes.get("/", (c) => c.text("here")));
  assert.equal((await ask(frame)).body, "here");
  const answer = await ask(frame, { host: "other.example.org", headers: { host: ADA.host } });
  assert.equal(answer.status, 421);
  assert.ok(!answer.body.includes("burrow.example.org"));
  assert.equal((await ask(frame, { host: "other.example.org", path: "/health" })).status, 421);
});

test("errors speak the protocol of the request", async (t) => {
  const frame = await start(t, () => {});
  const page = await ask(frame, { path: "/nothing", headers: { accept: "text/html,*/*" } });
  assert.match(page.headers["content-type"] ?? "", /text\/html/);
  assert.match(page.body, /<h1>Not found<\/h1>/);
  assert.match(page.headers["content-security-policy"] ?? "", /default-src 'none'/);
  assert.deepEqual(Object.keys(JSON.parse((await ask(frame, { path: "/nothing" })).body)), [
    "error",
    "message",
  ]);
  const matrix = await ask(frame, { path: "/_matrix/nothing", headers: { accept: "text/html" } });
  assert.equal((JSON.parse(matrix.body) as { errcode: string }).errcode, "M_UNRECOGNIZED");
  assert.equal(matrix.headers["access-control-allow-origin"], "*");
});

test("an unforeseen error is logged once under an id, and told without a detail", async (t) => {
  const frame = await start(t, (routes) => {
    routes.get("/fails", () => {
      throw new Error("the database at /secret/place with password=hunter2hunter2");
    });
  });
  const { status, body } = await ask(frame, { path: "/fails" });
  assert.equal(status, 500);
  assert.ok(!/secret|hunter|Error|at /.test(body), body);
  const id = /as ([0-9a-f]{12})\./.exec(body)?.[1] ?? "none";
  const lines = frame.lines.filter((line) => line.includes("request.failed"));
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.includes(id) && lines[0].includes("the database at") && !lines[0].includes("hunter2"));
});

test("an app that answers twice costs its own connection, not the process", async (t) => {
  const frame = await start(t, (routes) => {
    routes.get("/twice", (c) => {
      c.env.outgoing.end("first");
      return c.text("second");
    });
    routes.get("/", (c) => c.text("still here"));
  });
  await ask(frame, { path: "/twice" }).catch(() => {});
  assert.equal((await ask(frame)).body, "still here");
  assert.ok(frame.lines.some((line) => line.includes("request.failed")));
});

test("odd headers, targets and bodies are never a 500", async (t) => {
  const frame = await start(t, (routes) => {
    routes.all("*", async (c) => c.text(`${c.req.header("x-odd") ?? ""}${(await c.req.text()).length}`));
  });
  for (const path of [
    "/%zz",
    "/%00",
    "/%5C",
    "//a//b",
    "/?",
    "/?a=%",
    "/a?b=c?d",
    "/%E4",
    "/..;/x",
    "/!room:example.org",
    "/[]|",
  ]) {
    assert.notEqual((await ask(frame, { path })).status, 500, path);
  }
  const odd = await ask(frame, {
    headers: { "x-odd": "caf\u00e9 \u00ff", cookie: "\u00e4=\u00f6", authorization: "B\u00e4rer \u00fc" },
  });
  assert.equal(odd.status, 200);
  assert.equal((await ask(frame, { method: "POST", body: "x".repeat(100_000) })).status, 200);
});

test("a path that two readers could read differently reaches no app, in the protocol of the request", async (t) => {
  const reached: string[] = [];
  const frame = await start(t, (routes) =>
    routes.all("*", (c) => {
      reached.push(c.req.path);
      return c.text("reached");
    }),
  );
  for (const path of [
    "/_matrix/client/%2e%2e/health",
    "/_matrix/client/../health",
    "/_matrix/client/./sync",
    "/_matrix/client/x%2F..%2Fy",
    "/_matrix/client\\sync",
    "/_matrix/client%5Csync",
    "/_matrix/client/%2E",
  ]) {
    const answer = await ask(frame, { path });
    assert.equal(answer.status, 400, path);
    assert.equal((JSON.parse(answer.body) as { errcode: string }).errcode, "M_INVALID_PARAM", path);
    assert.equal(answer.headers["access-control-allow-origin"], "*", path);
  }
  const page = await ask(frame, { path: "/a/%2e%2e/setup", headers: { accept: "text/html" } });
  assert.equal(page.status, 400);
  assert.match(page.body, /<h1>Ambiguous path<\/h1>/);
  assert.equal((await ask(frame, { path: "/../health" })).status, 400);
  assert.deepEqual(reached, []);
  // What only looks odd is the apps' to judge.
  for (const path of ["/%00", "/%zz", "//a", "/a%2Fb", "/...", "/?a=/../b"]) {
    assert.equal((await ask(frame, { path })).status, 200, path);
  }
});

test("a signed head of nearly 64 KiB is taken", async (t) => {
  const frame = await start(t, (routes) =>
    routes.all("*", (c) => c.text(String(c.req.header("x-long")?.length))),
  );
  assert.equal(
    (await ask(frame, { path: `/${"a".repeat(16_000)}`, headers: { "x-long": "b".repeat(45_000) } })).body,
    "45000",
  );
});

test("health tells no more than it should, on any known host", async (t) => {
  const frame = await start(t, () => {});
  assert.deepEqual(JSON.parse((await ask(frame, { path: "/health" })).body), { status: "ok" });
  assert.deepEqual(JSON.parse((await ask(frame, { path: "/health/auth" })).body), {
    edge_proof_accepted: true,
    identity_present: false,
    clock_skew_s: 0,
    recent_failed_attempts: 0,
    last_failure_at: null,
  });
});

test("health shows refused proofs and a covered identity", async (t) => {
  const frame = await start(t, () => {});
  await fetch(`http://${frame.listener.address.text}/`);
  const answer = JSON.parse((await ask(frame, { path: "/health/auth", accessJwt: "a.b.c" })).body) as Record<
    string,
    unknown
  >;
  assert.equal(answer["identity_present"], true);
  assert.equal(answer["recent_failed_attempts"], 1);
  assert.equal(answer["last_failure_at"], now());
});

test("an upgrade is judged like any request, and its refusal proved", async (t) => {
  const frame = await start(t, () => {});
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-key": "x",
    "sec-websocket-version": "13",
  };
  const proved = await ask(frame, { headers: upgrade });
  assert.equal(proved.status, 404);
  assert.equal(proved.reply?.proof, "accepted");
  const bare = await fetchRaw(
    frame,
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  assert.match(bare, /^HTTP\/1\.1 401 Unauthorized\r\nburrow-reply: v=1,/);
});

test("an unproved client gets no 100 Continue, and its body is not read", async (t) => {
  const frame = await start(t, () => {});
  const answer = await fetchRaw(
    frame,
    "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
  );
  assert.match(answer, /^HTTP\/1\.1 401 /);
  assert.ok(!answer.includes("100 Continue"));
});

async function fetchRaw({ listener: { address } }: Frame, head: string): Promise<string> {
  assert.ok(address.kind === "tcp");
  const socket = connect(address.port, address.host);
  socket.write(head);
  return await text(socket);
}

test("a Unix socket is for its owner only, and one that a killed process left is replaced", async (t) => {
  const path = join(temporaryFolder(t), "origin.sock");
  const dead = createServer().listen(path);
  await once(dead, "listening");
  // A killed process does not remove its socket; a handle that is taken away leaves it in the same way.
  const child = await leaveDeadSocket(`${path}.dead`);
  assert.ok(existsSync(child));
  const busy: ListenAddress = { kind: "unix", path };
  await assert.rejects(
    start(t, () => {}, busy),
    (error) => error instanceof BindError && /Another process/.test(error.message),
  );
  const frame = await start(t, (routes) => routes.get("/", (c) => c.text("by socket")), {
    kind: "unix",
    path: child,
  });
  assert.equal(statSync(child).mode & 0o777, 0o600);
  assert.equal((await ask(frame)).body, "by socket");
  dead.close();
});

async function leaveDeadSocket(path: string): Promise<string> {
  const { spawn } = await import("node:child_process");
  const code = "require('node:net').createServer().listen(process.argv[1], () => process.stdout.write('up'))";
  const child = spawn(process.execPath, ["-e", code, path], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
  return path;
}

test("what is in the socket's place and is none stays untouched", async (t) => {
  const path = join(temporaryFolder(t), "origin.sock");
  writeFileSync(path, "precious");
  await assert.rejects(
    start(t, () => {}, { kind: "unix", path }),
    /is in the way/,
  );
  assert.ok(existsSync(path));
});

test("a taken port is told as such", async (t) => {
  const frame = await start(t, () => {});
  const { address } = frame.listener;
  assert.ok(address.kind === "tcp");
  await assert.rejects(
    start(t, () => {}, { kind: "tcp", host: "127.0.0.1", port: address.port }),
    /listens on 127\.0\.0\.1/,
  );
});

test("connections that a program hoards are refused from a number on, which is said once", async (t) => {
  const routes = (app: Hono<HttpEnv>) => app.get("/a", (c) => c.text("here"));
  const { listener, lines } = await start(t, routes, undefined, 3);
  assert.ok(listener.address.kind === "tcp");
  const { host, port } = listener.address;
  const open = async () => {
    const socket = connect(port, host);
    socket.on("error", () => {});
    t.after(() => socket.destroy());
    await once(socket, "connect");
    return socket;
  };
  const kept = [await open(), await open(), await open()];
  for (const extra of [await open(), await open()]) assert.equal(await text(extra), "");
  assert.equal(lines.filter((line) => line.includes("listener.full")).length, 1);
  // The first ones are served, and one that goes makes room.
  const get = "GET /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
  const [first, second] = kept;
  first?.end(get);
  assert.match(first ? await text(first) : "", /^HTTP\/1\.1 401 /);
  second?.end(get);
  assert.match(second ? await text(second) : "", /^HTTP\/1\.1 401 /);
  const late = await open();
  late.end(get);
  assert.match(await text(late), /^HTTP\/1\.1 401 /);
});

test("a stop lets an answer under way finish, and takes nothing new", async (t) => {
  const reached = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const frame = await start(t, (routes) => {
    routes.get("/slow", async (c) => {
      reached.resolve();
      await finish.promise;
      return c.text("done");
    });
  });
  const answer = ask(frame, { path: "/slow" });
  await reached.promise;
  const closed = frame.listener.close(60_000);
  await assert.rejects(ask(frame, { path: "/slow" }), /ECONNREFUSED/);
  finish.resolve();
  assert.equal((await answer).body, "done");
  await closed;
});

test("a stop cuts what hangs", async (t) => {
  const reached = Promise.withResolvers<void>();
  const frame = await start(t, (routes) => {
    routes.get("/hangs", () => {
      reached.resolve();
      return new Promise<Response>(() => {});
    });
  });
  const answer = assert.rejects(ask(frame, { path: "/hangs" }), /ECONNRESET|socket hang up/);
  await reached.promise;
  await frame.listener.close(10);
  await answer;
});
