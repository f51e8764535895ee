import assert from "node:assert/strict";
import { after, before, test } from "node:test";
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

test("a room joined since the last sync comes whole, and limited", async () => {
  const roomId = await chat.createRoom(ada, { name: "Cellar" });
  await chat.sendMany(ada, roomId, 12, "before ");
  const { next_batch: since } = await chat.sync(ben);
  await chat.member(ben, roomId, "join");
  await chat.send(ada, roomId, "after");
  const room = (await chat.sync(ben, { since })).rooms.join[roomId];
  assert.equal(room.timeline.limited, true);
  assert.equal(room.timeline.events.length, 10);
  assert.deepEqual(texts(room.timeline).slice(-2), ["before 12", "after"]);
  assert.deepEqual(keys(room.state), [
    "m.room.create/",
    "m.room.history_visibility/",
    "m.room.join_rules/",
    `m.room.member/${ada.userId}`,
    "m.room.name/",
    "m.room.power_levels/",
  ]);
  assert.equal(room.summary["m.joined_member_count"], 2);
});

test("leaving and coming back between two syncs is a room joined anew", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ben);
  await chat.member(ben, roomId, "leave");
  await chat.setState(ada, roomId, "m.room.topic", { topic: "while ben was out" });
  await chat.member(ben, roomId, "join");
  const { rooms } = await chat.sync(ben, { since, filter: { room: { timeline: { limit: 1 } } } });
  assert.deepEqual(Object.keys(rooms), ["join"]);
  assert.equal(rooms.join[roomId].timeline.limited, true);
  assert.ok(keys(rooms.join[roomId].state).includes("m.room.create/"));
  assert.ok(keys(rooms.join[roomId].state).includes("m.room.topic/"));
});

test("a change of profile is not a join", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ben);
  await chat.setState(ben, roomId, "m.room.member", { membership: "join", displayname: "B" }, ben.userId);
  const room = (await chat.sync(ben, { since })).rooms.join[roomId];
  assert.equal(room.timeline.limited, false);
  assert.deepEqual(room.state.events, []);
});

test("nobody sees what was said before they came where history is for those present", async () => {
  const roomId = await chat.createRoom(ada, { history: "joined" });
  await chat.send(ada, roomId, "among ourselves");
  const { next_batch: since } = await chat.sync(ben);
  await chat.member(ben, roomId, "join");
  await chat.send(ada, roomId, "welcome");
  for (const query of [{ since }, {}]) {
    const room = (await chat.sync(ben, query)).rooms.join[roomId];
    assert.deepEqual(texts(room.timeline), ["welcome"]);
    assert.ok(!JSON.stringify(room).includes("among ourselves"));
  }
});

test("leaving, being removed and being banned all show once, whatever the filter says", async () => {
  for (const [membership, actor] of [
    ["leave", ben],
    ["leave", ada],
    ["ban", ada],
  ] as const) {
    const roomId = await chat.createRoom(ada, { members: [ben] });
    const { next_batch: since } = await chat.sync(ben);
    await chat.send(ada, roomId, "last words");
    await chat.member(actor, roomId, membership, ben);
    await chat.send(ada, roomId, "behind their back");
    await chat.setState(ada, roomId, "m.room.topic", { topic: "also behind their back" });
    const { rooms, next_batch: gone } = await chat.sync(ben, { since });
    assert.deepEqual(Object.keys(rooms), ["leave"]);
    const room = rooms.leave[roomId];
    assert.deepEqual(texts(room.timeline), ["last words"]);
    assert.equal(room.timeline.events.at(-1).content.membership, membership);
    assert.deepEqual(room.state.events, []);
    await chat.send(ada, roomId, "more");
    assert.equal((await chat.sync(ben, { since: gone })).rooms, undefined);
    await chat.createRoom(ben);
    assert.deepEqual(Object.keys((await chat.sync(ben, { since: gone })).rooms), ["join"]);
  }
});

test("a gap before leaving is a gap: state up to the timeline's start, and nothing after the leave", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ben);
  await chat.setState(ada, roomId, "m.room.topic", { topic: "in the gap" });
  await chat.sendMany(ada, roomId, 3);
  await chat.member(ben, roomId, "leave");
  await chat.setState(ada, roomId, "m.room.topic", { topic: "later" });
  const filter = { room: { timeline: { limit: 1 } } };
  const room = (await chat.sync(ben, { since, filter })).rooms.leave[roomId];
  assert.equal(room.timeline.limited, true);
  assert.deepEqual(keys(room.timeline), [`m.room.member/${ben.userId}`]);
  const topics = room.state.events.map((event: { content: { topic: string } }) => event.content.topic);
  assert.deepEqual(topics, ["in the gap"]);
  const atEnd = (await chat.sync(ben, { since, filter, use_state_after: true })).rooms.leave[roomId];
  assert.deepEqual(keys(atEnd.state_after), [`m.room.member/${ben.userId}`, "m.room.topic/"]);
});

test("a stay between two syncs comes with all the state of that time", async () => {
  const roomId = await chat.createRoom(ada, { name: "Inn" });
  const { next_batch: since } = await chat.sync(ben);
  await chat.member(ben, roomId, "join");
  await chat.sendMany(ada, roomId, 2);
  await chat.member(ben, roomId, "leave");
  await chat.setState(ada, roomId, "m.room.name", { name: "Renamed" });
  const filter = { room: { timeline: { limit: 2 } } };
  const room = (await chat.sync(ben, { since, filter })).rooms.leave[roomId];
  assert.deepEqual(texts(room.timeline), ["message 2"]);
  assert.equal(room.state.events.length, 7);
  assert.ok(JSON.stringify(room.state).includes("Inn"));
  assert.ok(!JSON.stringify(room).includes("Renamed"));
});

test("an invitation shows once, so that it does not keep a client asking", async () => {
  const roomId = await chat.createRoom(ada, { joinRule: "invite" });
  const { next_batch: since } = await chat.sync(ben);
  await chat.member(ada, roomId, "invite", ben);
  const first = await chat.sync(ben, { since });
  assert.deepEqual(Object.keys(first.rooms), ["invite"]);
  assert.deepEqual(Object.keys(first.rooms.invite), [roomId]);
  await chat.setState(ada, roomId, "m.room.topic", { topic: "news" });
  assert.equal((await chat.sync(ben, { since: first.next_batch })).rooms, undefined);
  const other = await chat.createRoom(ben);
  const answer = await chat.sync(ben, { since: first.next_batch });
  assert.deepEqual(Object.keys(answer.rooms), ["join"], "nor beside other news");
  assert.deepEqual(Object.keys(answer.rooms.join), [other]);
});

test("a rejected or withdrawn invitation leaves, and gives away nothing of the room", async () => {
  for (const actor of [ben, ada]) {
    const roomId = await chat.createRoom(ada, { joinRule: "invite" });
    await chat.member(ada, roomId, "invite", ben);
    const { next_batch: since } = await chat.sync(ben);
    await chat.send(ada, roomId, "secret");
    await chat.setState(ada, roomId, "m.room.topic", { topic: "secret" });
    await chat.member(actor, roomId, "leave", ben);
    const { rooms } = await chat.sync(ben, { since });
    assert.deepEqual(Object.keys(rooms), ["leave"]);
    const room = rooms.leave[roomId];
    assert.deepEqual(keys(room.timeline), [`m.room.member/${ben.userId}`]);
    assert.equal(room.timeline.events.length, 1);
    assert.deepEqual(room.state.events, []);
    assert.ok(!JSON.stringify(rooms).includes("secret"));
  }
});

test("a knock is shown to whoever knocks, with stripped state", async () => {
  const roomId = await chat.createRoom(ada, { joinRule: "knock", name: "Club" });
  const { next_batch: since } = await chat.sync(ben);
  await chat.member(ben, roomId, "knock");
  const { rooms } = await chat.sync(ben, { since });
  assert.deepEqual(Object.keys(rooms), ["knock"]);
  assert.ok(keys(rooms.knock[roomId].knock_state).includes("m.room.name/"));
});

test("each event bears the membership that its reader had", async () => {
  const roomId = await chat.createRoom(ada);
  await chat.send(ada, roomId, "early");
  await chat.member(ben, roomId, "join");
  await chat.send(ada, roomId, "late");
  const { events } = (await chat.sync(ben)).rooms.join[roomId].timeline;
  const memberships = events
    .slice(-3)
    .map((event: { unsigned: { membership: string } }) => event.unsigned.membership);
  assert.deepEqual(memberships, ["leave", "join", "join"]);
});

test("the summary comes again when members or the name change", async () => {
  const cleo = await chat.fixture.user("cleo");
  const roomId = await chat.createRoom(ada, { members: [ben] });
  let { next_batch: since } = await chat.sync(ada);
  await chat.member(cleo, roomId, "join");
  let answer = await chat.sync(ada, { since });
  assert.deepEqual(answer.rooms.join[roomId].summary, {
    "m.heroes": [ben.userId, cleo.userId],
    "m.joined_member_count": 3,
    "m.invited_member_count": 0,
  });
  since = answer.next_batch;
  await chat.setState(ada, roomId, "m.room.name", { name: "Named" });
  answer = await chat.sync(ada, { since });
  assert.equal(answer.rooms.join[roomId].summary["m.heroes"], undefined);
  assert.equal(answer.rooms.join[roomId].summary["m.joined_member_count"], 3);
});
