import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { parseToken } from "../../../../origin/apps/matrix/sync/position.ts";
import type { User } from "../fixture.ts";
import { type Chat, createChat, keys, texts } from "./chat.ts";

let chat: Chat;
let ada: User;
let ben: User;
before(async () => {
  chat = await createChat();
  ada = await chat.fixture.user("ada");
  ben = await chat.fixture.user("ben");
});
after(() => chat.close());

const limit = (count: number) => ({ room: { timeline: { limit: count } } });

test("rooms without news are absent, and news comes once and in order", async () => {
  const quiet = await chat.createRoom(ada, { members: [ben] });
  const loud = await chat.createRoom(ada, { members: [ben] });
  const first = await chat.sync(ada);
  assert.deepEqual(new Set(Object.keys(first.rooms.join)), new Set([quiet, loud]));
  for (const text of ["one", "two", "three"]) await chat.send(ben, loud, text);
  const second = await chat.sync(ada, { since: first.next_batch });
  assert.deepEqual(Object.keys(second.rooms.join), [loud]);
  assert.deepEqual(texts(second.rooms.join[loud].timeline), ["one", "two", "three"]);
  assert.equal(second.rooms.join[loud].timeline.limited, false);
  assert.deepEqual(second.rooms.join[loud].state.events, []);
  assert.deepEqual(second.rooms.join[loud].summary, {});
  const third = await chat.sync(ada, { since: second.next_batch });
  assert.equal(third.rooms, undefined);
  const again = await chat.sync(ada, { since: first.next_batch });
  assert.deepEqual(
    texts(again.rooms.join[loud].timeline),
    ["one", "two", "three"],
    "a lost answer is repeated",
  );
});

test("a long absence gives the newest events, says so, and loses no state and no message", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ada);
  await chat.setState(ben, roomId, "m.room.member", { membership: "join", displayname: "Ben" }, ben.userId);
  await chat.setState(ada, roomId, "m.room.topic", { topic: "first" });
  await chat.sendMany(ben, roomId, 5, "old ");
  await chat.setState(ada, roomId, "m.room.topic", { topic: "second" });
  await chat.sendMany(ben, roomId, 2, "new ");

  const room = (await chat.sync(ada, { since, filter: limit(3) })).rooms.join[roomId];
  assert.equal(room.timeline.limited, true);
  assert.deepEqual(texts(room.timeline), ["new 1", "new 2"]);
  assert.deepEqual(keys(room.timeline), ["m.room.topic/"]);
  const shown = room.state.events.map((event: { content: object }) => event.content);
  assert.deepEqual(shown, [{ membership: "join", displayname: "Ben" }, { topic: "first" }]);
  const stored = chat.fixture.matrix.rooms.get(roomId)!;
  const gap = chat.fixture.matrix.events.newest(
    stored,
    parseToken(since).so,
    parseToken(room.timeline.prev_batch).so,
    100,
  );
  assert.equal(gap.length, 7, "what lies before prev_batch and what was shown is everything");
});

test("state_after is the state at the end of the timeline, in the name that was asked for", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ada);
  await chat.setState(ada, roomId, "m.room.topic", { topic: "first" });
  await chat.sendMany(ben, roomId, 3);
  await chat.setState(ada, roomId, "m.room.topic", { topic: "second" });

  for (const key of ["state_after", "org.matrix.msc4222.state_after"]) {
    const ask = key === "state_after" ? "use_state_after" : "org.matrix.msc4222.use_state_after";
    for (const count of [2, 20]) {
      const room = (await chat.sync(ada, { since, [ask]: true, filter: limit(count) })).rooms.join[roomId];
      assert.equal(room.state, undefined);
      assert.equal(room.timeline.limited, count === 2);
      const shown = room[key].events.map((event: { content: object }) => event.content);
      assert.deepEqual(shown, [{ topic: "second" }], `${key}, ${count}`);
    }
  }
  await chat.send(ben, roomId, "later");
  const { next_batch: last } = await chat.sync(ada, { since });
  await chat.send(ben, roomId, "last");
  const room = (await chat.sync(ada, { since: last, use_state_after: true })).rooms.join[roomId];
  assert.deepEqual(room.state_after, { events: [] }, "required even when empty");
});

test("what the filter keeps out of the timeline still reaches the client as state", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const filter = { room: { timeline: { types: ["m.room.message"], limit: 2 } } };
  const { next_batch: since, rooms } = await chat.sync(ada, { filter });
  assert.equal(rooms.join[roomId].timeline.limited, false);
  assert.equal(rooms.join[roomId].state.events.length, 6);
  await chat.send(ben, roomId, "one");
  await chat.setState(ada, roomId, "m.room.topic", { topic: "changed" });
  await chat.send(ben, roomId, "two");
  const room = (await chat.sync(ada, { since, filter })).rooms.join[roomId];
  assert.deepEqual(texts(room.timeline), ["one", "two"]);
  assert.equal(room.timeline.limited, false, "nothing that the filter wants is missing");
  assert.deepEqual(keys(room.state), ["m.room.topic/"]);
});

test("a timeline does not undo what it does not show: of each piece of state the newest is what a client ends with", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const levels = { users: { [ada.userId]: 100, [ben.userId]: 50 } };
  await chat.setState(ada, roomId, "m.room.power_levels", levels);
  const filter = { room: { timeline: { senders: [ada.userId] } } };
  const { next_batch: since } = await chat.sync(ada, { filter });
  const outdated = await chat.setState(ada, roomId, "m.room.topic", { topic: "shown" });
  await chat.setState(ben, roomId, "m.room.topic", { topic: "not shown, and newer" });
  await chat.send(ada, roomId, "one");
  const room = (await chat.sync(ada, { since, filter })).rooms.join[roomId];
  assert.deepEqual(texts(room.timeline), ["one"]);
  assert.deepEqual(
    room.state.events.map((event: { content: { topic: string } }) => event.content.topic),
    ["not shown, and newer"],
  );
  // The older one is history, to which the token leads.
  assert.equal(room.timeline.limited, true);
  const page = `/v3/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=1&from=${room.timeline.prev_batch}`;
  const { chunk } = (await chat.fixture.request("GET", page, { token: ada.token })).body;
  assert.equal(chunk[0].event_id, outdated);
  // State of the end is apart from the timeline, which is shown whole.
  const ending = (await chat.sync(ada, { since, filter, use_state_after: true })).rooms.join[roomId];
  assert.deepEqual(
    [ending.timeline.events.length, ending.timeline.limited, ending.state_after.events[0].content.topic],
    [2, false, "not shown, and newer"],
  );
});

test("a filter that hardly anything passes ends its search, and says that there may be more", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  await chat.sendMany(ben, roomId, 400);
  const filter = { room: { timeline: { types: ["org.example.rare"], limit: 1 } } };
  const room = (await chat.sync(ada, { filter })).rooms.join[roomId];
  assert.deepEqual(room.timeline.events, []);
  assert.equal(room.timeline.limited, true);
  assert.equal(room.state.events.length, 6);
});

test("messages of ignored people are left out, their state is not", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { matrix } = chat.fixture;
  await matrix.database.write((transaction) =>
    matrix.accountData.set(transaction, ada.userId, 0, "m.ignored_user_list", {
      ignored_users: { [ben.userId]: {} },
    }),
  );
  const { next_batch: since } = await chat.sync(ada);
  await chat.send(ben, roomId, "psst");
  await chat.setState(ben, roomId, "m.room.member", { membership: "join", displayname: "B" }, ben.userId);
  const other = await chat.createRoom(ben, { joinRule: "invite" });
  await chat.member(ben, other, "invite", ada);
  const { rooms } = await chat.sync(ada, { since });
  assert.deepEqual(texts(rooms.join[roomId].timeline), []);
  assert.deepEqual(keys(rooms.join[roomId].timeline), [`m.room.member/${ben.userId}`]);
  assert.equal(rooms.invite, undefined);
  assert.equal((await chat.sync(ada)).rooms.invite, undefined);
  await matrix.database.write((transaction) =>
    matrix.accountData.set(transaction, ada.userId, 0, "m.ignored_user_list", { ignored_users: {} }),
  );
});

test("only the sending device sees its transaction id", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const phone = await chat.fixture.user("ada");
  const { next_batch: since } = await chat.sync(ada);
  await chat.append(roomId, {
    type: "m.room.message",
    sender: ada.userId,
    content: { msgtype: "m.text", body: "hello" },
    transaction: { deviceId: ada.deviceId, txnId: "t1" },
  });
  const idFor = async (user: User): Promise<unknown> =>
    (await chat.sync(user, { since })).rooms.join[roomId].timeline.events[0].unsigned.transaction_id;
  assert.equal(await idFor(ada), "t1");
  assert.equal(await idFor(phone), undefined);
  assert.equal(await idFor(ben), undefined);
});

test("full_state gives all the state beside only the new events", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben], name: "Attic" });
  const still = await chat.createRoom(ada);
  await chat.send(ben, roomId, "seen");
  const { next_batch: since } = await chat.sync(ada);
  await chat.send(ben, roomId, "new");
  const { rooms } = await chat.sync(ada, { since, full_state: true, timeout: 30_000 });
  assert.deepEqual(texts(rooms.join[roomId].timeline), ["new"]);
  assert.equal(rooms.join[roomId].state.events.length, 7);
  assert.deepEqual(rooms.join[still].timeline.events, []);
  assert.equal(rooms.join[still].state.events.length, 5);
  const atEnd = await chat.sync(ada, { since, full_state: true, use_state_after: true });
  assert.equal(atEnd.rooms.join[roomId].state_after.events.length, 7);
});

test("a redaction arrives, and the words that it strips are gone from later answers", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ada);
  const target = await chat.send(ben, roomId, "regretted");
  const { next_batch: seen } = await chat.sync(ada, { since });
  const id = await chat.append(roomId, {
    type: "m.room.redaction",
    sender: ben.userId,
    content: {},
    redacts: target,
  });
  const [redaction] = (await chat.sync(ada, { since: seen })).rooms.join[roomId].timeline.events;
  assert.equal(redaction.redacts, target);
  assert.equal(redaction.content.redacts, target);
  const [stripped] = (await chat.sync(ada, { since })).rooms.join[roomId].timeline.events;
  assert.deepEqual(stripped.content, {});
  assert.equal(stripped.unsigned.redacted_because.event_id, id);
});

test("event_fields leaves only what was asked for", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ada);
  await chat.send(ben, roomId, "short");
  const filter = { event_fields: ["type", "content.body"] };
  const { rooms } = await chat.sync(ada, { since, filter });
  assert.deepEqual(rooms.join[roomId].timeline.events, [
    { type: "m.room.message", content: { body: "short" } },
  ]);
});

test("a token from the time after a restored backup gives everything anew, marked as a hole", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const answer = await chat.sync(ada, { since: "s999999999_1" });
  assert.equal(answer.rooms.join[roomId].timeline.limited, true);
  assert.equal(answer.rooms.join[roomId].timeline.events.length, 6);
  assert.ok(answer.device_lists.changed.includes(ben.userId), "keys of that time may have changed back");
  assert.ok(parseToken(answer.next_batch).so <= chat.fixture.matrix.stream.current());
});

test("an answer over more facts than are looked at one by one is the same", async () => {
  const busy = await chat.createRoom(ada, { members: [ben] });
  const calm = await chat.createRoom(ada, { members: [ben] });
  const quiet = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ada);
  await chat.sendMany(ben, busy, 450);
  await chat.send(ben, calm, "one");
  const { rooms } = await chat.sync(ada, { since });
  assert.deepEqual(texts(rooms.join[calm].timeline), ["one"]);
  assert.equal(texts(rooms.join[busy].timeline).at(-1), "message 450");
  assert.equal(rooms.join[quiet], undefined);
});

test("a filter by relation shows only what others relate to", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ada);
  const root = await chat.send(ben, roomId, "root");
  await chat.send(ada, roomId, "reply", { "m.relates_to": { rel_type: "m.thread", event_id: root } });
  const filter = { room: { timeline: { related_by_rel_types: ["m.thread"] } } };
  const { rooms } = await chat.sync(ada, { since, filter });
  assert.deepEqual(texts(rooms.join[roomId].timeline), ["root"]);
});
