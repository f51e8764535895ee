/** E8: what is under way when the latch falls ends at once, whatever kind of answer it is. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { Socket } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";

import type { App } from "../../../origin/app.ts";
import { closeDoor } from "../../../origin/gate/panic/close-door.ts";
import { closeWayOut } from "../../../origin/gate/panic/close-way-out.ts";
import { openPanicDatabase } from "../../../origin/gate/panic/panic-database.ts";
import { createPanicLatch, type PanicLatch } from "../../../origin/gate/panic/panic-latch.ts";
import { createLog } from "../../../origin/host/log.ts";
import { createDispatch } from "../../../origin/http/dispatch.ts";
import { createEdgeProof } from "../../../origin/http/edge-proof.ts";
import { startListener } from "../../../origin/http/listener.ts";
import { openNonces } from "../../../origin/http/nonces.ts";
import type { HttpEnv } from "../../../origin/http/request-context.ts";
import { ADA, makeEdgeKey, signedHeaders } from "../../http/signed-request.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const key = makeEdgeKey("k1");
const now = (): number => ADA.time * 1000;

interface Frame {
  readonly panic: PanicLatch;
  readonly lines: string[];
  readonly ask: (path: string, headers?: Record<string, string>) => Promise<IncomingMessage>;
}

async function start(t: TestContext, app: string, build: (routes: Hono<HttpEnv>) => void): Promise<Frame> {
  const folder = temporaryFolder(t);
  const lines: string[] = [];
  const log = createLog({ level: "debug", now, write: (line) => lines.push(line) });
  const routes = new Hono<HttpEnv>();
  build(routes);
  const small: App = { name: "small", host: app, routes, backup: { databases: [], blobs: [] } };
  const database = openPanicDatabase(folder);
  const panic = createPanicLatch(database, now);
  const nonces = openNonces({ folder: join(folder, "nonces"), now });
  const hosts = new Map([[ADA.host, app]]);
  const listener = await startListener({
    listen: { kind: "tcp", host: "127.0.0.1", port: 0 },
    proof: createEdgeProof({ keys: [key], now, nonces, panic: () => panic.level() }),
    hosts,
    dispatch: closeDoor({
      dispatch: createDispatch({ hosts, gateRoutes: new Hono<HttpEnv>(), apps: [small], log }),
      panic,
      hosts,
    }),
    log,
  });
  panic.onChange(() => listener.cutUpgrades());
  t.after(async () => {
    await listener.close(0);
    nonces.close();
    panic.close();
    await database.close();
  });
  const { address } = listener;
  assert.equal(address.kind, "tcp");
  const port = address.kind === "tcp" ? address.port : 0;
  return {
    panic,
    lines,
    async ask(path, headers = {}) {
      const asking = request({
        port,
        host: "127.0.0.1",
        path,
        agent: false,
        headers: { ...signedHeaders({ key, created: ADA.time, target: path }), ...headers },
      });
      asking.end();
      const [answer] = (await Promise.race([once(asking, "response"), once(asking, "upgrade")])) as [
        IncomingMessage,
      ];
      return answer;
    },
  };
}

test("an event stream is cut, and its app told", async (t) => {
  const gone = Promise.withResolvers<void>();
  const { panic, ask, lines } = await start(t, "apex", (routes) =>
    routes.get("/events", (c) =>
      streamSSE(c, async (stream) => {
        stream.onAbort(gone.resolve);
        await stream.writeSSE({ data: "first" });
        await gone.promise;
      }),
    ),
  );
  const answer = await ask("/events");
  await once(answer, "data");
  const ended = new Promise((resolve) => answer.once("error", resolve));
  await panic.set("soft");
  await Promise.all([ended, gone.promise]);
  assert.deepEqual(
    lines.filter((line) => /"(?:warn|error)"/.test(line)),
    [],
  );
});

test("a WebSocket is cut", async (t) => {
  const { panic, ask } = await start(t, "apex", (routes) =>
    routes.get("/socket", (c) => {
      c.env.context.upgrade?.accept(["Upgrade", "websocket", "Connection", "Upgrade"]);
      return RESPONSE_ALREADY_SENT;
    }),
  );
  const upgrade = { connection: "Upgrade", upgrade: "websocket" };
  const answer = await ask("/socket", upgrade);
  assert.equal(answer.statusCode, 101);
  const closed = once(answer.socket, "close");
  await panic.set("soft");
  await closed;
  assert.equal((await ask("/socket", upgrade)).statusCode, 503);
});

test("who waits gets the answer of the closed door, and what the app says later goes nowhere", async (t) => {
  const asked = Promise.withResolvers<void>();
  const answerOf = Promise.withResolvers<Response>();
  const { panic, ask } = await start(t, "apex", (routes) =>
    routes.get("/wait", () => {
      asked.resolve();
      return answerOf.promise;
    }),
  );
  const waiting = ask("/wait");
  await asked.promise;
  await panic.set("hard");
  const answer = await waiting;
  assert.equal(answer.statusCode, 503);
  assert.match(String(answer.headers["burrow-reply"]), /panic=hard/);
  const cancelled = Promise.withResolvers<void>();
  answerOf.resolve(new Response(new ReadableStream({ cancel: () => cancelled.resolve() })));
  await cancelled.promise;
});

test("the owner's way back stays open on the sign-in host, and on no other", async (t) => {
  const page = (routes: Hono<HttpEnv>): void => void routes.get("*", (c) => c.text("the page"));
  const id = await start(t, "id", page);
  await id.panic.set("hard");
  assert.equal((await id.ask("/panic")).statusCode, 200);
  for (const path of ["/panic/options", "/assets/id/passkey.js"])
    assert.equal((await id.ask(path)).statusCode, 200, path);
  for (const path of ["/", "/panics", "/panic%2f..", "/x/panic"])
    assert.notEqual((await id.ask(path)).statusCode, 200, path);
  const apex = await start(t, "apex", page);
  await apex.panic.set("soft");
  assert.equal((await apex.ask("/panic")).statusCode, 503);
});

test("hard lets nothing out for the apps, and ends what is open", async () => {
  let level: "none" | "soft" | "hard" = "hard";
  const listeners = new Set<(level: "none" | "soft" | "hard") => void>();
  const socket = new Socket();
  const outbound = closeWayOut(
    {
      fetch: () => Promise.resolve(new Response("out")),
      connect: () => Promise.resolve({ socket, trust: {} }),
    },
    {
      level: () => level,
      onChange(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
  );
  await assert.rejects(outbound.fetch("push", "https://push.example.org/"), { code: "closed" });
  level = "soft";
  assert.equal(await (await outbound.fetch("push", "https://push.example.org/")).text(), "out");
  const opened = await outbound.connect("relay", "relay.example.org", 465);
  opened.socket.once("error", () => undefined);
  const closed = once(opened.socket, "close").catch(() => undefined);
  for (const listener of listeners) listener("hard");
  await closed;
  assert.equal(opened.socket.destroyed, true);
});
