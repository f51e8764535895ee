/**
 * One conversation, three ways to hear it, over the real Worker and a real origin that is killed in the middle: ada by
 * /sync, ben by sliding sync as matrix-js-sdk does it, cleo by the requests of the Rust SDK, as Element X sends them.
 * They must agree with each other and with the server's own history: nothing lost, doubled or in another order.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import type { MatrixClient } from "matrix-js-sdk";
import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { createMatrixClient } from "../support/matrix-client.ts";
import { freePort, type OriginProcess, startOriginProcess } from "../support/origin-process.ts";
import { type SlidingClient, startSlidingClient } from "../support/sliding-client.ts";
import { startTestOrigin } from "../support/test-origin.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const passwordOf = (name: string): string => `correct horse of ${name}`;

let dataDir: string;
let port: number;
let publicUrl: string;
let origin: OriginProcess;
let edge: RunningEdge;
let ada: MatrixClient;
let ben: MatrixClient;
let cleo: SlidingClient;
let cleosAccount: Record<string, string>;
/** By whom heard, in which room: what the answers told, in the order in which they told it. */
const told = new Map<string, Set<string>>();
const toldTwice: string[] = [];

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "burrow sliding "));
  port = await freePort();
  const edgePort = await freePort();
  publicUrl = `http://127.0.0.1:${edgePort}`;
  const first = await startTestOrigin({ dataDir });
  const { members } = first.origin;
  await members.createOwner({ name: "dora", password: passwordOf("dora") });
  const invite = { name: "sliding", uses: 3, expiresInMs: 3_600_000, createdBy: null };
  const { token } = await members.createInvite(invite);
  for (const name of ["ada", "ben", "cleo"]) {
    await members.register({ name, password: passwordOf(name), inviteToken: token });
  }
  await first.close();
  origin = await startOriginProcess({ dataDir, port, publicUrl });
  edge = await startEdge({
    root,
    origin: `127.0.0.1:${port}`,
    edgeKey: origin.edgeKey,
    hosts: origin.hosts,
    port: edgePort,
    persistDir: join(dataDir, "edge"),
  });
  const [adas, bens, cleos] = await Promise.all(["ada", "ben", "cleo"].map(signIn));
  cleosAccount = cleos!;
  [ada, ben] = await Promise.all([
    createMatrixClient(edge.url, adas!, { fetchFn: listening("ada") }),
    createMatrixClient(edge.url, bens!, { fetchFn: listening("ben"), sliding: true }),
  ]);
  cleo = startSlidingClient(edge.url, cleosAccount);
});

after(async () => {
  await cleo?.stop();
  for (const client of [ada, ben]) client?.stopClient();
  await edge?.stop();
  await origin?.kill("SIGTERM");
  await rm(dataDir, { recursive: true, force: true });
});

async function signIn(name: string): Promise<Record<string, string>> {
  const response = await fetch(new URL("/_matrix/client/v3/login", edge.url), {
    method: "POST",
    body: JSON.stringify({
      type: "m.login.password",
      identifier: { type: "m.id.user", user: name },
      password: passwordOf(name),
    }),
  });
  return (await response.json()) as Record<string, string>;
}

interface SyncAnswer {
  readonly rooms?: Record<string, unknown> & { readonly join?: Record<string, unknown> };
}
type Timeline = readonly { readonly event_id: string }[];

/** Fetches, and notes the events of each answer that arrived whole. */
function listening(name: string): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    if (!response.ok || !pathname.endsWith("/sync")) return response;
    const { rooms = {} } = (await response.clone().json()) as SyncAnswer;
    for (const [roomId, news] of Object.entries(rooms.join ?? rooms)) {
      const { timeline = [] } = news as { timeline?: Timeline | { events: Timeline } };
      const key = `${name} ${roomId}`;
      const heard = told.get(key) ?? new Set();
      told.set(key, heard);
      for (const { event_id: id } of "events" in timeline ? timeline.events : timeline) {
        if (heard.has(id)) toldTwice.push(`${name} ${id}`);
        heard.add(id);
      }
    }
    return response;
  };
}

async function call(method: string, path: string, body?: object): Promise<Record<string, never>> {
  const response = await fetch(new URL(`/_matrix/client/v3${path}`, edge.url), {
    method,
    headers: { authorization: `Bearer ${cleosAccount["access_token"]}` },
    ...(body && { body: JSON.stringify(body) }),
  });
  assert.equal(response.status, 200, `${method} ${path}`);
  return (await response.json()) as Record<string, never>;
}

/** The first value that is not falsy, looked for after each thing that the client hears. */
async function seen<T>(client: MatrixClient, look: () => T | undefined | null | false): Promise<T> {
  for (;;) {
    const news = new Promise<void>((resolve) => {
      for (const event of ["sync", "Event.decrypted"]) {
        client.once(event as never, (() => resolve()) as never);
      }
    });
    const found = look();
    if (found) return found;
    await news;
  }
}

const text = (body: string) => ({ msgtype: "m.text", body }) as never;
const membershipOf = (client: MatrixClient, roomId: string) => client.getRoom(roomId)?.getMyMembership();

/** As a client's outbox: the same transaction id until the server has answered. */
async function say(token: string, roomId: string, body: string): Promise<string> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${encodeURIComponent(body)}`;
  for (;;) {
    const response = await fetch(new URL(path, edge.url), {
      method: "PUT",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(text(body)),
    }).catch(() => undefined);
    const answer = (await response?.json().catch(() => ({}))) as { event_id?: string } | undefined;
    if (answer?.event_id !== undefined) return answer.event_id;
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}

/** All of the room from the server, oldest first. */
async function history(roomId: string): Promise<string[]> {
  const ids: string[] = [];
  for (let from = ""; ; ) {
    const page = await call("GET", `/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=100${from}`);
    ids.unshift(...(page["chunk"] as unknown as Timeline).map((event) => event.event_id).toReversed());
    if (page["end"] === undefined) return ids;
    from = `&from=${page["end"] as string}`;
  }
}

test("an invitation, keys and encrypted words pass between /sync and sliding sync", async () => {
  const { room_id: roomId } = await ada.createRoom({
    name: "Kitchen",
    invite: [ben.getSafeUserId()],
    initial_state: [
      { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } },
    ],
  });
  await seen(ben, () => membershipOf(ben, roomId) === "invite");
  await ben.joinRoom(roomId);
  await seen(ben, () => membershipOf(ben, roomId) === "join" && ben.getRoom(roomId)?.name === "Kitchen");
  await seen(ada, () => ada.getRoom(roomId)?.getJoinedMemberCount() === 2);
  const reads = (client: MatrixClient, id: string, body: string) =>
    seen(client, () => client.getRoom(roomId)?.findEventById(id)?.getContent()["body"] === body);
  const { event_id: question } = await ada.sendMessage(roomId, text("is there bread?"));
  await reads(ben, question, "is there bread?");
  const { event_id: answer } = await ben.sendMessage(roomId, text("there was"));
  await reads(ada, answer, "there was");
});

test("all three hear the same, in the same order, over a kill of the origin", async () => {
  const { room_id: roomId } = await ada.createRoom({
    name: "Table",
    invite: [ben.getSafeUserId(), cleosAccount["user_id"]!],
  });
  await seen(ben, () => membershipOf(ben, roomId) === "invite");
  await ben.joinRoom(roomId);
  await cleo.seen(() => cleo.room(roomId)?.membership === "invite");
  await call("POST", `/join/${encodeURIComponent(roomId)}`, {});
  cleo.open(roomId);
  await cleo.seen(() => cleo.room(roomId)?.membership === "join");

  const halfway = Promise.withResolvers<void>();
  const sent: string[] = [];
  const talk = async (name: string, token: string): Promise<void> => {
    for (let index = 0; index < 15; index += 1) {
      sent.push(await say(token, roomId, `${name} ${index}`));
      if (sent.length === 24) halfway.resolve();
    }
  };
  const talking = Promise.all([
    talk("ada", ada.getAccessToken()!),
    talk("ben", ben.getAccessToken()!),
    talk("cleo", cleosAccount["access_token"]!),
  ]);
  await halfway.promise;
  await origin.kill("SIGKILL");
  origin = await startOriginProcess({ dataDir, port, publicUrl });
  await talking;
  const messages = (await history(roomId)).slice(-45);
  assert.deepEqual(messages.toSorted(), sent.toSorted(), "each message once, and nothing else");
  const last = messages.at(-1)!;

  await seen(ada, () => told.get(`ada ${roomId}`)?.has(last));
  await seen(ben, () => told.get(`ben ${roomId}`)?.has(last));
  await cleo.seen(() => cleo.room(roomId)?.timeline.at(-1)?.event_id === last);
  assert.deepEqual(toldTwice, []);
  assert.deepEqual([...told.get(`ada ${roomId}`)!].slice(-45), messages, "by /sync");
  assert.deepEqual([...told.get(`ben ${roomId}`)!].slice(-45), messages, "by sliding sync, matrix-js-sdk");
  const heard = cleo.room(roomId)!.timeline.map((event) => event.event_id);
  assert.deepEqual(heard.slice(-45), messages, "by sliding sync, the Rust SDK's requests");
  for (const client of [ada, ben]) {
    const room = client.getRoom(roomId)!;
    assert.deepEqual(
      messages.filter((id) => !room.findEventById(id)),
      [],
      `${client.getUserId()} shows all of them`,
    );
  }
});

test("after an absence the hole is filled from history, and both kinds of sync tell the same of the room", async () => {
  const { room_id: roomId } = await ada.createRoom({
    name: "Hall",
    invite: [cleosAccount["user_id"]!],
  });
  await cleo.seen(() => cleo.room(roomId)?.membership === "invite");
  await call("POST", `/join/${encodeURIComponent(roomId)}`, {});
  cleo.open(roomId);
  const start = await say(ada.getAccessToken()!, roomId, "before");
  await cleo.seen(() => cleo.room(roomId)?.timeline.at(-1)?.event_id === start);
  await call("POST", `/rooms/${encodeURIComponent(roomId)}/receipt/m.read/${start}`, {});
  await cleo.pause();
  let last = "";
  for (let index = 0; index < 45; index += 1) {
    last = await say(ada.getAccessToken()!, roomId, `while away ${index}`);
  }
  await ada.setRoomName(roomId, "Great Hall");
  cleo.resume();
  await cleo.seen(() => cleo.room(roomId)?.name === "Great Hall");
  const all = await history(roomId);
  const room = cleo.room(roomId)!;
  const heard = room.timeline.map((event) => event.event_id);
  assert.ok(heard.includes(last));
  assert.deepEqual(heard, all.slice(-heard.length));
  assert.ok(heard.length > 46, "there is no hole");

  const filter = JSON.stringify({ room: { rooms: [roomId] } });
  const synced = await call("GET", `/sync?filter=${encodeURIComponent(filter)}`);
  const same = (synced["rooms"]!["join"] as Record<string, Record<string, never>>)[roomId]!;
  assert.deepEqual(
    (same["timeline"]!["events"] as Timeline).map((event) => event.event_id),
    heard.slice(-10),
  );
  assert.equal(same["unread_notifications"]!["notification_count"], room.unread);
  assert.equal(room.unread, 45);
  assert.equal(same["summary"]!["m.joined_member_count"], room.joined);
});
