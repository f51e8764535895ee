/**
 * Three ordinary clients (matrix-js-sdk with its Rust crypto, as Element Web syncs) and what happens while one of them
 * is not looking: threads that go on, more messages than one answer holds, members it has never seen, and the answer
 * to a refresh of its token that never arrives. Over the real Worker and origin.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { createClient, type MatrixClient, type MatrixError, type Room } from "matrix-js-sdk";
import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { createMatrixClient, forgetfulLogger } from "../support/matrix-client.ts";
import { freePort } from "../support/origin-process.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const password = "the same long password";
const names = ["ada", "ben", "cleo"] as const;
/** Members without a client of their own. */
const quiet = Array.from({ length: 12 }, (_, index) => `quiet${index}`);
const hour = 3_600_000;

let dataDir: string;
let origin: TestOrigin;
let edge: RunningEdge;
let clockOffset = 0;
const clients: MatrixClient[] = [];
let ada: MatrixClient;
let ben: MatrixClient;
let cleo: MatrixClient;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "burrow away "));
  const port = await freePort();
  origin = await startTestOrigin({
    dataDir,
    publicUrl: `http://127.0.0.1:${port}`,
    now: () => Date.now() + clockOffset,
  });
  edge = await startEdge({
    root,
    origin: new URL(origin.facts.url).host,
    edgeKey: origin.facts.edgeKey,
    hosts: origin.facts.hosts,
    port,
    persistDir: join(dataDir, "edge"),
  });
  const { members } = origin.origin;
  await members.createOwner({ name: "dora", password });
  const all = [...names, ...quiet];
  const invite = { name: "away", uses: all.length, expiresInMs: hour, createdBy: null };
  const { token } = await members.createInvite(invite);
  for (const name of all) await members.register({ name, password, inviteToken: token });
  [ada, ben, cleo] = await Promise.all([start("ada"), start("ben"), start("cleo", cleosNetwork.fetch)]);
});

after(async () => {
  for (const client of clients) client.stopClient();
  await edge?.stop();
  await origin?.close();
  await rm(dataDir, { recursive: true, force: true });
});

const userIdOf = (name: string): string => `@${name}:burrow.localhost`;

/** A session, opened without the password: how one signs in is not what these tests are about. */
async function openSession(name: string, refreshable = false) {
  const { members } = origin.origin;
  const { id } = members.find(name)!;
  return members.openSession(id, { refreshable, address: "192.0.2.1" });
}

/** A network that can be taken away, also from the requests that are under way. */
function createNetwork() {
  let cut = Promise.withResolvers<never>();
  let isThere = true;
  cut.promise.catch(() => {});
  return {
    fetch: async (...request: Parameters<typeof fetch>): Promise<Response> => {
      if (!isThere) throw new TypeError("fetch failed");
      return Promise.race([fetch(...request), cut.promise]);
    },
    take: () => {
      isThere = false;
      cut.reject(new TypeError("fetch failed"));
    },
    give: () => {
      isThere = true;
      cut = Promise.withResolvers();
      cut.promise.catch(() => {});
    },
  };
}
const cleosNetwork = createNetwork();

async function start(name: string, fetchFn = fetch): Promise<MatrixClient> {
  const { accessToken, deviceId } = await openSession(name);
  const account = { user_id: userIdOf(name), device_id: deviceId, access_token: accessToken };
  const client = await createMatrixClient(edge.url, account, { lazy: true, fetchFn });
  clients.push(client);
  return client;
}

async function as(token: string, method: string, path: string, body: object = {}): Promise<void> {
  const response = await fetch(new URL(`/_matrix/client/v3${path}`, edge.url), {
    method,
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200, `${method} ${path} ${await response.text()}`);
}

/** The first value that is not falsy, looked for after each thing that the client hears. */
async function seen<T>(
  client: MatrixClient,
  look: () => T | undefined | null | false | Promise<T | undefined | null | false>,
): Promise<T> {
  for (;;) {
    const news = new Promise<void>((resolve) => {
      for (const event of ["sync", "Event.decrypted", "Room.timeline", "Thread.new", "Thread.update"]) {
        client.once(event as never, (() => resolve()) as never);
      }
    });
    const found = await look();
    if (found) return found;
    await news;
  }
}

const encrypted = [
  { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } },
];

/** A room that everybody has joined, and sees so. */
async function makeRoom(options: object, ...guests: MatrixClient[]): Promise<string> {
  const { room_id: roomId } = await ada.createRoom({
    invite: guests.map((guest) => guest.getSafeUserId()),
    ...options,
  });
  for (const guest of guests) {
    await seen(guest, () => guest.getRoom(roomId));
    await guest.joinRoom(roomId);
  }
  for (const client of [ada, ...guests]) {
    await seen(client, () => client.getRoom(roomId)?.getJoinedMemberCount() === guests.length + 1);
  }
  return roomId;
}

const text = (body: string, more: object = {}) => ({ msgtype: "m.text", body, ...more }) as never;
const roomAt = (client: MatrixClient, roomId: string): Room => {
  const room = client.getRoom(roomId);
  assert.ok(room);
  return room;
};

test("each thread counts its own unread messages and mentions, and is read by itself", async () => {
  const roomId = await makeRoom({ name: "Threads" }, ben, cleo);
  const roots = [
    (await ada.sendMessage(roomId, text("who cooks?"))).event_id,
    (await ada.sendMessage(roomId, text("who shops?"))).event_id,
  ] as const;
  const mine = roomAt(cleo, roomId);
  for (const id of roots) await seen(cleo, () => mine.findEventById(id));
  await cleo.sendReadReceipt(mine.findEventById(roots[1]) ?? null);
  await seen(cleo, () => mine.getRoomUnreadNotificationCount("total" as never) === 0);

  const mention = { "m.mentions": { user_ids: [cleo.getSafeUserId()] } };
  const reply = (client: MatrixClient, thread: string, body: string, more?: object) =>
    client.sendMessage(roomId, thread, text(body, more));
  // As a page does when somebody begins to write in a thread, or looks at it.
  for (const client of [ada, ben, cleo]) {
    const room = roomAt(client, roomId);
    for (const id of roots) room.createThread(id, room.findEventById(id), [], true);
  }
  await reply(ben, roots[0], "not me");
  await reply(ada, roots[0], "nor me");
  const { event_id: asked } = await reply(ben, roots[0], "cleo?", mention);
  const { event_id: last } = await reply(ben, roots[1], "I do");
  const { event_id: plain } = await ada.sendMessage(roomId, text("and now to something else"));

  const counts = (): number[] => [
    ...roots.flatMap((thread) => [
      mine.getThreadUnreadNotificationCount(thread, "total" as never),
      mine.getThreadUnreadNotificationCount(thread, "highlight" as never),
    ]),
    mine.getRoomUnreadNotificationCount("total" as never),
  ];
  const shows = (...wanted: number[]) => seen(cleo, () => counts().join() === wanted.join());
  const read = async (id: string) => {
    await cleo.sendReadReceipt(await seen(cleo, () => mine.findEventById(id)));
  };
  await shows(3, 1, 1, 0, 1);
  await read(last);
  await shows(3, 1, 0, 0, 1);
  await read(plain);
  await shows(3, 1, 0, 0, 0);
  await read(asked);
  await shows(0, 0, 0, 0, 0);
  // Another of her devices knows all that from the server alone.
  const second = await start("cleo");
  const there = roomAt(second, roomId);
  assert.deepEqual(
    roots.map((thread) => there.getThreadUnreadNotificationCount(thread, "total" as never)),
    [0, 0],
  );
  assert.equal(there.getRoomUnreadNotificationCount("total" as never), 0);
  second.stopClient();
});

test("whoever was away pages through the hole, each message once and readable, and the thread with it", async () => {
  const roomId = await makeRoom({ name: "Hole", initial_state: encrypted }, ben, cleo);
  const { event_id: first } = await ada.sendMessage(roomId, text("before"));
  await seen(cleo, () => roomAt(cleo, roomId).findEventById(first)?.getContent()["body"] === "before");
  await seen(ben, () => roomAt(ben, roomId).findEventById(first)?.getContent()["body"] === "before");

  cleosNetwork.take();
  const said: string[] = [];
  for (let index = 0; index < 45; index += 1) {
    const client = index % 2 ? ada : ben;
    said.push((await client.sendMessage(roomId, text(`while away ${index}`))).event_id);
  }
  cleosNetwork.give();
  cleo.retryImmediately();
  const room = roomAt(cleo, roomId);
  const last = said.at(-1)!;
  await seen(cleo, () => room.findEventById(last));
  const shown = (): string[] =>
    room
      .getLiveTimeline()
      .getEvents()
      .map((event) => String(event.getId()))
      .filter((id) => id === first || said.includes(id));
  assert.ok(shown().length < said.length, "there is a hole");
  while (!shown().includes(first)) await cleo.scrollback(room, 15);
  const together = shown();
  assert.deepEqual(together, [first, ...said]);
  await seen(cleo, () =>
    said.every((id, index) => room.findEventById(id)?.getContent()["body"] === `while away ${index}`),
  );
});

test("members show when they are needed: who speaks at once, everybody when somebody looks", async () => {
  const roomId = await makeRoom({ name: "Crowd", preset: "public_chat" });
  const tokens = new Map<string, string>();
  for (const name of quiet) {
    const { accessToken } = await openSession(name);
    tokens.set(name, accessToken);
    await as(accessToken, "POST", `/join/${encodeURIComponent(roomId)}`);
  }
  for (let index = 0; index < 25; index += 1) await ada.sendMessage(roomId, text(`filler ${index}`));
  await cleo.joinRoom(roomId);
  await seen(cleo, () => cleo.getRoom(roomId)?.getMyMembership() === "join");
  const room = roomAt(cleo, roomId);
  assert.equal(room.getJoinedMemberCount(), quiet.length + 2);
  assert.equal(room.getMember(userIdOf("quiet3")), null, "nobody needed that member yet");
  const token = tokens.get("quiet3")!;
  await as(token, "PUT", `/rooms/${encodeURIComponent(roomId)}/send/m.room.message/1`, text("hello there"));
  await seen(cleo, () => room.getMember(userIdOf("quiet3"))?.name === "quiet3");
  await room.loadMembersIfNeeded();
  assert.deepEqual(
    room
      .getJoinedMembers()
      .map((member) => member.userId)
      .toSorted(),
    [...quiet.map(userIdOf), ada.getSafeUserId(), cleo.getSafeUserId()].toSorted(),
  );
});

test("the answer to a refresh gets lost: the old pair still works, until the new one is used", async () => {
  // Signed in two hours ago, for which the edge's own clock must not be set back.
  clockOffset = -2 * hour;
  const opening = openSession("ben", true);
  const { accessToken, refreshToken, deviceId } = await opening.finally(() => (clockOffset = 0));
  assert.ok(refreshToken);
  let losses = 0;
  const losing: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (losses === 2 || !String(input instanceof Request ? input.url : input).endsWith("/refresh")) {
      return response;
    }
    await response.arrayBuffer();
    losses += 1;
    throw new TypeError("fetch failed");
  };
  const client = createClient({
    baseUrl: edge.url,
    userId: userIdOf("ben"),
    deviceId,
    accessToken,
    logger: forgetfulLogger,
    fetchFn: losing,
  });
  await assert.rejects(client.whoami(), (error: MatrixError) => error.data["soft_logout"] === true);
  for (let round = 0; round < 2; round += 1) await assert.rejects(client.refreshToken(refreshToken));
  const pair = await client.refreshToken(refreshToken);
  client.setAccessToken(pair.access_token);
  assert.equal((await client.whoami()).device_id, deviceId);
  // From then on the first pair is worth nothing.
  await assert.rejects(client.refreshToken(refreshToken), { errcode: "M_UNKNOWN_TOKEN" });
  assert.equal((await client.whoami()).device_id, deviceId);
});
