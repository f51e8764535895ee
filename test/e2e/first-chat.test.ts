/**
 * The main job, end to end: two people with ordinary Matrix clients (matrix-js-sdk with its Rust crypto) register
 * with invite tokens and talk in an encrypted room. Every byte goes client → real Worker in workerd → origin → SQLite.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import type { MatrixClient, MatrixEvent } from "matrix-js-sdk";
import { startEdge, type RunningEdge } from "../../origin/cli/dev/edge-process.ts";
import { createMatrixClient } from "../support/matrix-client.ts";
import { freePort, type OriginProcess, startOriginProcess } from "../support/origin-process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

let dataDir: string;
let origin: OriginProcess;
let edge: RunningEdge;
let port: number;
let publicUrl: string;
const originIsBack = Promise.withResolvers<void>();

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "burrow first chat "));
  port = await freePort();
  const edgePort = await freePort();
  publicUrl = `http://127.0.0.1:${edgePort}`;
  origin = await startOriginProcess({ dataDir, port, publicUrl });
  edge = await startEdge({
    root,
    origin: `127.0.0.1:${port}`,
    edgeKey: origin.edgeKey,
    hosts: origin.hosts,
    port: edgePort,
    persistDir: join(dataDir, "edge"),
  });
});

after(async () => {
  await edge?.stop();
  await origin?.kill("SIGTERM");
  await rm(dataDir, { recursive: true, force: true });
});

async function burrow(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await run(join(root, "bin/burrow"), ["--data", dataDir, "--json", ...args]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function post(path: string, body: unknown): Promise<{ status: number; body: Record<string, string> }> {
  const response = await fetch(new URL(path, edge.url), { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

/** What an ordinary client does: ask, be told the stages, answer them. */
async function register(
  username: string,
  token: string,
): Promise<{ status: number; body: Record<string, string> }> {
  const request = { username, password: `correct horse of ${username}`, initial_device_display_name: "test" };
  const asked = await post("/_matrix/client/v3/register", request);
  assert.equal(asked.status, 401);
  const auth = { type: "m.login.registration_token", token, session: asked.body["session"] };
  return post("/_matrix/client/v3/register", { ...request, auth });
}

test("two people register with invites and talk in an encrypted room, over a restart of the origin", async (t) => {
  const claim = await fetch(new URL("/setup", edge.url), {
    method: "POST",
    redirect: "manual",
    headers: { origin: new URL(edge.url).origin, "sec-fetch-site": "same-origin" },
    body: new URLSearchParams({
      token: origin.setupToken ?? "",
      name: "dora",
      password: "the owner's long password",
    }),
  });
  assert.ok(claim.status < 400, `claim answered ${claim.status}`);
  await claim.body?.cancel();

  const first = await burrow("invite", "create", "--name", "for Ada");
  const second = await burrow("invite", "create", "--name", "for Ben");
  const accounts = [
    await register("ada", String(first["token"])),
    await register("ben", String(second["token"])),
  ];
  assert.deepEqual(
    accounts.map((account) => account.status),
    [200, 200],
  );
  const third = await register("cleo", String(first["token"]));
  assert.equal(third.status, 401, "a used token registers nobody");

  const [ada, ben] = (await Promise.all(accounts.map(({ body }) => createMatrixClient(edge.url, body)))) as [
    MatrixClient,
    MatrixClient,
  ];
  t.after(() => [ada, ben].forEach((client) => client.stopClient()));

  const { room_id: roomId } = await ada.createRoom({
    name: "Kitchen table",
    invite: [ben.getSafeUserId()],
    initial_state: [
      { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } },
    ],
  });
  await ben.joinRoom(roomId);
  await Promise.all([ada, ben].map((client) => joinedBoth(client, roomId)));

  const heardByAda = listen(ada, roomId, ben.getSafeUserId());
  const heardByBen = listen(ben, roomId, ada.getSafeUserId());
  const messages = Array.from({ length: 50 }, (_, index) => `message ${index + 1}`);
  const halfway = Promise.withResolvers<void>();
  let sent = 0;
  const say = async (client: MatrixClient): Promise<void> => {
    for (const body of messages) {
      await sendUntilAcknowledged(client, roomId, body);
      sent += 1;
      if (sent === messages.length) halfway.resolve();
    }
  };
  const talking = Promise.all([say(ada), say(ben)]);
  await halfway.promise;
  await origin.kill("SIGKILL");
  origin = await startOriginProcess({ dataDir, port, publicUrl });
  originIsBack.resolve();
  await talking;
  await Promise.all([heardByAda.until(messages.length), heardByBen.until(messages.length)]);
  assert.deepEqual(heardByAda.bodies, messages, "everything Ben said, once and in order");
  assert.deepEqual(heardByBen.bodies, messages, "everything Ada said, once and in order");
  assert.equal(new Set(heardByBen.ids).size, messages.length);

  // What the server keeps is ciphertext.
  const stored = await ada.http.authedRequest<{ chunk: { type: string; content: object }[] }>(
    "GET" as never,
    `/rooms/${encodeURIComponent(roomId)}/messages`,
    { dir: "b", limit: "5" },
  );
  assert.ok(stored.chunk.every((event) => event.type === "m.room.encrypted"));

  await burrow("member", "lock", "ben");
  await assert.rejects(ben.whoami(), (error: { errcode?: string }) => error.errcode === "M_USER_LOCKED");
  await ada.whoami();
});

/** Resolves when the client has seen both people in the encrypted room. */
async function joinedBoth(client: MatrixClient, roomId: string): Promise<void> {
  for (;;) {
    const room = client.getRoom(roomId);
    if (room?.getJoinedMemberCount() === 2 && room.hasEncryptionStateEvent()) return;
    await new Promise<void>((resolve) => client.once("sync" as never, (() => resolve()) as never));
  }
}

/** Collects what `sender` says, decrypted, in the order in which the timeline brings it. */
function listen(client: MatrixClient, roomId: string, sender: string) {
  const events: MatrixEvent[] = [];
  const wakes = new Set<() => void>();
  const wake = (): void => wakes.forEach((resolve) => resolve());
  client.on(
    "Room.timeline" as never,
    ((event: MatrixEvent, room: { roomId: string }, toStart: boolean) => {
      if (toStart || room.roomId !== roomId || event.getSender() !== sender || event.isState()) return;
      events.push(event);
      wake();
    }) as never,
  );
  client.on("Event.decrypted" as never, wake as never);
  const readable = (): MatrixEvent[] => events.filter((event) => event.getType() === "m.room.message");
  return {
    get bodies() {
      return readable().map((event) => String(event.getContent()["body"]));
    },
    get ids() {
      return events.map((event) => event.getId());
    },
    async until(count: number) {
      while (readable().length < count) {
        await new Promise<void>((resolve) => {
          wakes.add(resolve);
        });
        wakes.clear();
      }
    },
  };
}

/** As a client's outbox: the same transaction id until the server has answered. */
async function sendUntilAcknowledged(client: MatrixClient, roomId: string, body: string): Promise<void> {
  const transactionId = client.makeTxnId();
  try {
    await client.sendMessage(roomId, { msgtype: "m.text" as never, body }, transactionId);
  } catch (error) {
    const room = client.getRoom(roomId)!;
    const pending = room.getPendingEvents().find((event) => event.getTxnId() === transactionId);
    if (!pending) throw error;
    await originIsBack.promise;
    await client.resendEvent(pending, room);
  }
}
