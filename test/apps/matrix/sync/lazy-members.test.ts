import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { User } from "../fixture.ts";
import { type Chat, createChat, keys } from "./chat.ts";

let chat: Chat;
let ada: User;
let ben: User;
let cleo: User;
let dora: User;
before(async () => {
  chat = await createChat();
  ada = await chat.fixture.user("ada");
  ben = await chat.fixture.user("ben");
  cleo = await chat.fixture.user("cleo");
  dora = await chat.fixture.user("dora");
});
after(() => chat.close());

const lazy = (limit = 10, more: object = {}) => ({
  room: { state: { lazy_load_members: true, ...more }, timeline: { limit } },
});
const members = (section: { events: [] }): string[] =>
  keys(section).flatMap((key) =>
    key.startsWith("m.room.member/") ? key.slice("m.room.member/".length) : [],
  );

/** A room with a name (so without heroes) where only ben has spoken lately. */
async function room(): Promise<string> {
  const roomId = await chat.createRoom(ada, { members: [ben, cleo, dora], name: "Hall" });
  await chat.sendMany(ben, roomId, 3);
  return roomId;
}

test("a first answer has the members who speak in it and oneself, no others", async () => {
  const roomId = await room();
  for (const query of [{}, { use_state_after: true }]) {
    const { rooms } = await chat.sync(ada, { filter: lazy(2), ...query });
    const section = rooms.join[roomId].state ?? rooms.join[roomId].state_after;
    assert.deepEqual(members(section), [ada.userId, ben.userId]);
    assert.ok(keys(section).includes("m.room.name/"), "other state comes whole");
  }
});

test("the heroes of a room without a name are among them", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben, cleo] });
  await chat.sendMany(ada, roomId, 2);
  const { rooms } = await chat.sync(ada, { filter: lazy(1) });
  assert.deepEqual(rooms.join[roomId].summary["m.heroes"], [ben.userId, cleo.userId]);
  assert.deepEqual(members(rooms.join[roomId].state), [ada.userId, ben.userId, cleo.userId]);
});

test("a speaker's member event comes with their first message and not again", async () => {
  const roomId = await room();
  const filter = lazy(2);
  let { next_batch: since } = await chat.sync(ada, { filter });
  await chat.send(ben, roomId, "known already");
  let answer = await chat.sync(ada, { since, filter });
  assert.deepEqual(members(answer.rooms.join[roomId].state), []);
  since = answer.next_batch;
  await chat.send(cleo, roomId, "hello");
  answer = await chat.sync(ada, { since, filter });
  assert.deepEqual(members(answer.rooms.join[roomId].state), [cleo.userId]);
  const repeated = await chat.sync(ada, { since, filter });
  assert.deepEqual(members(repeated.rooms.join[roomId].state), [cleo.userId], "the first answer may be lost");
  await chat.send(cleo, roomId, "again");
  const next = await chat.sync(ada, { since: repeated.next_batch, filter });
  assert.deepEqual(members(next.rooms.join[roomId].state), []);
  const redundant = lazy(2, { include_redundant_members: true });
  const all = await chat.sync(ada, { since: repeated.next_batch, filter: redundant });
  assert.deepEqual(members(all.rooms.join[roomId].state), [cleo.userId]);
});

test("what one device knows another does not", async () => {
  const roomId = await room();
  const filter = lazy(2);
  const { next_batch: since } = await chat.sync(ada, { filter });
  const phone = await chat.fixture.user("ada");
  await chat.send(ben, roomId, "hello");
  const answer = await chat.sync(phone, { since, filter });
  assert.deepEqual(members(answer.rooms.join[roomId].state), [ben.userId]);
});

test("every change of membership in a gap is told, known or not", async () => {
  const roomId = await room();
  const filter = lazy(2);
  const { next_batch: since } = await chat.sync(ada, { filter });
  await chat.setState(ben, roomId, "m.room.member", { membership: "join", displayname: "B" }, ben.userId);
  await chat.member(dora, roomId, "leave");
  await chat.sendMany(ada, roomId, 2);
  for (const query of [{}, { use_state_after: true }]) {
    const { rooms } = await chat.sync(ada, { since, filter, ...query });
    assert.equal(rooms.join[roomId].timeline.limited, true);
    const section = rooms.join[roomId].state ?? rooms.join[roomId].state_after;
    assert.deepEqual(
      members(section).filter((userId) => userId !== ada.userId),
      [ben.userId, dora.userId],
    );
  }
});

test("a member event of the timeline is not repeated as state, and counts as known", async () => {
  const roomId = await chat.createRoom(ada, { name: "Porch" });
  const filter = lazy(10);
  const { next_batch: since } = await chat.sync(ada, { filter });
  await chat.member(cleo, roomId, "join");
  await chat.send(cleo, roomId, "here I am");
  const answer = await chat.sync(ada, { since, filter });
  assert.deepEqual(members(answer.rooms.join[roomId].timeline), [cleo.userId]);
  assert.deepEqual(members(answer.rooms.join[roomId].state), []);
  await chat.send(cleo, roomId, "still here");
  const next = await chat.sync(ada, { since: answer.next_batch, filter });
  assert.deepEqual(members(next.rooms.join[roomId].state), []);
});

test("whoever went or came while one was out is told to who comes back, and to nobody who was never there", async () => {
  for (const query of [{}, { use_state_after: true }]) {
    const roomId = await room();
    const filter = lazy(2);
    await chat.send(cleo, roomId, "cleo speaks, and is shown");
    const { next_batch: since } = await chat.sync(ada, { filter, ...query });
    await chat.member(ada, roomId, "leave");
    await chat.member(cleo, roomId, "leave");
    const { next_batch: out } = await chat.sync(ada, { since, filter, ...query });
    await chat.member(ben, roomId, "invite", ada);
    await chat.member(ada, roomId, "join");
    await chat.sendMany(ben, roomId, 2);
    for (const from of [since, out]) {
      const { rooms } = await chat.sync(ada, { since: from, filter, ...query });
      const section = rooms.join[roomId].state ?? rooms.join[roomId].state_after;
      assert.deepEqual(members(section).toSorted(), [ada.userId, ben.userId, cleo.userId].toSorted());
    }
    const first = (await chat.sync(ada, { filter, ...query })).rooms.join[roomId];
    assert.deepEqual(members(first.state ?? first.state_after), [ada.userId, ben.userId]);
  }
});
