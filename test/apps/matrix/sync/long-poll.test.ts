import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Reply, User } from "../fixture.ts";
import { type Chat, createChat, syncPath, texts } from "./chat.ts";

let chat: Chat;
let ada: User;
let ben: User;
before(async () => {
  chat = await createChat();
  ada = await chat.fixture.user("ada");
  ben = await chat.fixture.user("ben");
});
after(() => chat.close());

/** Starts a long-poll and lets it come to the point where it waits; it must not have answered by then. */
async function poll(user: User, since: string, options: { timeout?: number; signal?: AbortSignal } = {}) {
  const { timeout = 30_000, signal } = options;
  let answered = false;
  const reply: Promise<Reply> = chat.fixture
    .request("GET", syncPath({ since, timeout }), { token: user.token, ...(signal && { signal }) })
    .finally(() => {
      answered = true;
    });
  await turn();
  await turn();
  assert.equal(answered, false, "it waits");
  // An object, or awaiting the poll would await its answer too.
  return { reply };
}

test("a message wakes everyone in its room, and nobody else", async () => {
  const outsider = await chat.fixture.user("cleo");
  const roomId = await chat.createRoom(ada, { members: [ben] });
  // Who comes is news; what is tried here is what happens among those who are there.
  await Promise.all([ada, ben, outsider].map((user) => chat.sync(user)));
  const tokens = await Promise.all([ada, ben, outsider].map((user) => chat.sync(user)));
  const [mine, bens] = [await poll(ada, tokens[0].next_batch), await poll(ben, tokens[1].next_batch)];
  const stop = new AbortController();
  const outside = await poll(outsider, tokens[2].next_batch, { signal: stop.signal });
  await chat.send(ben, roomId, "wake up");
  for (const { reply } of [mine, bens]) {
    assert.deepEqual(texts((await reply).body.rooms.join[roomId].timeline), ["wake up"]);
  }
  const first = await Promise.race([
    outside.reply.then(() => "answered"),
    turn().then(() => "still waiting"),
  ]);
  assert.equal(first, "still waiting");
  stop.abort();
  await outside.reply.catch(() => {});
});

test("one's own other device's doings wake one too", async () => {
  const { matrix } = chat.fixture;
  const { next_batch } = await chat.sync(ada);
  const { reply } = await poll(ada, next_batch);
  await matrix.database.write((transaction) =>
    matrix.accountData.set(transaction, ada.userId, 0, "org.example.settings", { theme: "dark" }),
  );
  assert.equal((await reply).body.account_data.events[0].type, "org.example.settings");
});

test("what one's filter hides does not end the wait", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch } = await chat.sync(ada);
  let answered = false;
  const filter = { room: { timeline: { types: ["org.example.wanted"] } } };
  const reply = chat.fixture
    .request("GET", syncPath({ since: next_batch, timeout: 30_000, filter }), { token: ada.token })
    .finally(() => {
      answered = true;
    });
  await chat.send(ben, roomId, "unwanted");
  await turn();
  assert.equal(answered, false);
  await chat.append(roomId, { type: "org.example.wanted", sender: ben.userId, content: {} });
  const { rooms } = (await reply).body;
  assert.equal(rooms.join[roomId].timeline.events.length, 1);
  assert.equal(rooms.join[roomId].timeline.limited, false);
});

test("without news the answer is empty at the time-out, and its token is good", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch } = await chat.sync(ada);
  const { body } = await (await poll(ada, next_batch, { timeout: 20 })).reply;
  assert.equal(body.rooms, undefined);
  assert.deepEqual(body.device_one_time_keys_count, { signed_curve25519: 0 });
  await chat.send(ben, roomId, "later");
  const next = await chat.sync(ada, { since: body.next_batch });
  assert.deepEqual(texts(next.rooms.join[roomId].timeline), ["later"]);
});

test("a session that ends while it waits gets no news any more", async () => {
  const gone = await chat.fixture.user("dora");
  const roomId = await chat.createRoom(ada, { members: [gone] });
  const { next_batch } = await chat.sync(gone);
  const { reply } = await poll(gone, next_batch);
  await chat.fixture.members.endSession(gone.memberId, gone.deviceId);
  await chat.send(ada, roomId, "not for that device");
  const { status, body } = await reply;
  assert.equal(status, 401);
  assert.equal(body.errcode, "M_UNKNOWN_TOKEN");
  assert.equal(body.soft_logout, false);
});

test("nor does a locked member", async () => {
  const eve = await chat.fixture.user("eve");
  const roomId = await chat.createRoom(ada, { members: [eve] });
  const { next_batch } = await chat.sync(eve);
  const { reply } = await poll(eve, next_batch);
  await chat.fixture.members.lock(eve.memberId);
  await chat.send(ada, roomId, "not for eve now");
  const { status, body } = await reply;
  assert.equal(status, 401);
  assert.equal(body.errcode, "M_USER_LOCKED");
});

test("a suspended member goes on hearing", async () => {
  const finn = await chat.fixture.user("finn");
  const roomId = await chat.createRoom(ada, { members: [finn] });
  const { next_batch } = await chat.sync(finn);
  const { reply } = await poll(finn, next_batch);
  await chat.fixture.members.suspend(finn.memberId);
  await chat.send(ada, roomId, "for finn too");
  const { status, body } = await reply;
  assert.equal(status, 200);
  assert.ok(body.rooms.join[roomId]);
});

test("a ninth wait of one device ends the first", async () => {
  const { next_batch } = await chat.sync(ada);
  const stop = new AbortController();
  const waits = [];
  for (let index = 0; index < 9; index += 1) waits.push(await poll(ada, next_batch, { signal: stop.signal }));
  const { status, body } = await waits[0]!.reply;
  assert.equal(status, 200);
  assert.equal(body.rooms, undefined);
  const second = await Promise.race([waits[1]!.reply.then(() => "answered"), turn().then(() => "waiting")]);
  assert.equal(second, "waiting");
  stop.abort();
  await Promise.allSettled(waits.map((wait) => wait.reply));
});

test("an empty sync reads no room, however many there are", async (t) => {
  const fred = await chat.fixture.user("fred");
  for (let index = 0; index < 5; index += 1) await chat.createRoom(ada, { members: [fred] });
  const { next_batch: since } = await chat.sync(fred);
  const { rooms, memberships } = chat.fixture.matrix;
  const asked = [t.mock.method(rooms, "byNid"), t.mock.method(memberships, "roomsOf")];
  assert.equal((await chat.sync(fred, { since })).rooms, undefined);
  assert.deepEqual(
    asked.map((spy) => spy.mock.callCount()),
    [0, 0],
  );
});

test("shutting down answers everyone who waits", async () => {
  const gus = await chat.fixture.user("gus");
  const { next_batch } = await chat.sync(gus);
  const { reply } = await poll(gus, next_batch);
  await chat.fixture.restart();
  assert.equal((await reply).status, 200);
});
