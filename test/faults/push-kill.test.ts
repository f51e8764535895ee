/** SIGKILL while a phone's gateway is down, slow and up: each message rings, and what was taken rings no second time. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { json } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { projectRoot } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const rounds = 4;
const messagesARound = 15;

async function startServer(
  dataDir: string,
): Promise<{ url: string; kill(signal: NodeJS.Signals): Promise<void> }> {
  const words = ["--data", dataDir, "--json", "test-server", "--server-name", "hs1", "--port", "0"];
  const child = spawn(join(projectRoot, "bin/burrow"), words, {
    env: { ...process.env, BURROW_ALLOW_DEV_MODE: "1" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const gone = once(child, "exit");
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    gone.then(() => assert.fail("it ended before it listened")),
  ]);
  const { url } = JSON.parse(String(line)) as { url: string };
  return {
    url,
    async kill(signal) {
      child.kill(signal);
      await gone;
    },
  };
}

/** A gateway that counts how often it took each event; `isUp` says whether it takes any. */
async function startGateway(t: TestContext) {
  const taken = new Map<string, number>();
  const gateway = { url: "", isUp: true, taken };
  const answer = (body: unknown, response: ServerResponse): void => {
    if (!gateway.isUp) {
      response.writeHead(503).end();
      return;
    }
    const { event_id: eventId } = (body as { notification: { event_id?: string } }).notification;
    if (eventId !== undefined) taken.set(eventId, (taken.get(eventId) ?? 0) + 1);
    response.writeHead(200, { "content-type": "application/json" }).end('{"rejected":[]}');
  };
  const server = createServer((request, response) => {
    json(request).then(
      (body) => answer(body, response),
      // Killed while it was sending.
      () => response.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  gateway.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/_matrix/push/v1/notify`;
  return gateway;
}

async function ask(url: string, method: string, path: string, body: object, token?: string) {
  const answer = await fetch(`${url}/_matrix/client/v3${path}`, {
    method,
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  const told = (await answer.json()) as Record<string, string>;
  assert.equal(answer.status, 200, JSON.stringify(told));
  return told;
}

test("no ring is lost by a kill, and at most the one under way comes twice", {
  timeout: 90_000,
}, async (t) => {
  const dataDir = join(temporaryFolder(t), "hs1");
  const gateway = await startGateway(t);
  let server = await startServer(dataDir);
  t.after(() => server.kill("SIGKILL"));
  const register = async (username: string): Promise<string> => {
    const auth = { type: "m.login.dummy" };
    const password = "a password for the kill test";
    return (await ask(server.url, "POST", "/register", { username, password, auth }))["access_token"]!;
  };
  const ada = await register("ada");
  const ben = await register("ben");
  const { room_id: roomId = "" } = await ask(
    server.url,
    "POST",
    "/createRoom",
    { preset: "public_chat" },
    ada,
  );
  await ask(server.url, "POST", `/join/${roomId}`, {}, ben);
  await ask(
    server.url,
    "POST",
    "/pushers/set",
    {
      kind: "http",
      app_id: "org.example.app",
      pushkey: "key",
      app_display_name: "App",
      device_display_name: "Phone",
      lang: "en",
      data: { url: gateway.url },
    },
    ben,
  );

  const acknowledged: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    // Every other round ends while the gateway is down, the others while it takes them.
    gateway.isUp = round % 2 === 1;
    const sending = (async () => {
      for (let index = 0; index < messagesARound; index += 1) {
        const path = `/rooms/${roomId}/send/m.room.message/r${round}-${index}`;
        const sent = await ask(server.url, "PUT", path, { msgtype: "m.text", body: `${index}` }, ada);
        acknowledged.push(sent["event_id"]!);
      }
    })().catch((error: unknown) => {
      if (error instanceof assert.AssertionError) throw error;
    });
    if (round % 2 === 0) await sending;
    else await Promise.race([sending, pause(30 + round * 20)]);
    await server.kill("SIGKILL");
    await sending;
    server = await startServer(dataDir);
  }
  assert.ok(acknowledged.length >= 2 * messagesARound);
  gateway.isUp = true;
  while (acknowledged.some((eventId) => !gateway.taken.has(eventId))) await pause(20);
  const repeated = [...gateway.taken.values()].filter((times) => times > 1);
  assert.ok(repeated.length <= rounds, `${repeated.length} came twice, by ${rounds} kills`);
  assert.ok(
    repeated.every((times) => times === 2),
    "the one under way at a kill comes once more, and no more",
  );
});
