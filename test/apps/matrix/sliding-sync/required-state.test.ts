import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { User } from "../fixture.ts";
import { type Chat, createChat } from "../sync/chat.ts";
import { slide, slideAccepted, stateKeys } from "./slide.ts";

let chat: Chat;
let ada: User;
let ben: User;
let cleo: User;
before(async () => {
  chat = await createChat();
  ada = await chat.fixture.user("ada");
  ben = await chat.fixture.user("ben");
  cleo = await chat.fixture.user("cleo");
});
after(async () => {
  assert.deepEqual(chat.fixture.log, []);
  await chat.close();
});

const subscribe = (roomId: string, required_state: unknown, timeline_limit = 1): object => ({
  conn_id: "state",
  room_subscriptions: { [roomId]: { timeline_limit, required_state } },
});
const member = (user: User): string => `m.room.member/${user.userId}`;
// oxlint-disable-next-line typescript/no-explicit-any -- the server's word
const stateIn = (answer: any, roomId: string): string[] => stateKeys(answer.rooms[roomId]?.required_state);

test("exact keys, wildcards and one's own id choose the state", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  await chat.setState(ada, roomId, "m.space.child", { via: [] }, "!a");
  await chat.setState(ada, roomId, "m.space.child", { via: [] }, "!b");
  await chat.setState(ada, roomId, "org.example", {}, "!a");
  const chosen = async (pairs: [string, string][]): Promise<string[]> =>
    stateIn(await slide(chat, ada, subscribe(roomId, pairs)), roomId);
  assert.deepEqual(await chosen([]), []);
  assert.deepEqual(
    await chosen([
      ["m.room.create", ""],
      ["m.room.name", ""],
    ]),
    ["m.room.create/"],
  );
  assert.deepEqual(await chosen([["m.space.child", "*"]]), ["m.space.child/!a", "m.space.child/!b"]);
  assert.deepEqual(await chosen([["*", "!a"]]), ["m.space.child/!a", "org.example/!a"]);
  assert.deepEqual(await chosen([["m.room.member", "$ME"]]), [member(ada)]);
  const all = await chosen([["*", "*"]]);
  assert.equal(all.length, chat.fixture.matrix.rooms.get(roomId)!.state.size);
  const lazily = await chosen([
    ["*", "*"],
    ["m.room.member", "$LAZY"],
  ]);
  assert.deepEqual(
    lazily.filter((key) => key.startsWith("m.room.member")),
    [member(ada)],
  );
});

test("changes come as they happen, and only of what is asked", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const body = subscribe(roomId, [
    ["m.room.topic", ""],
    ["m.room.name", ""],
  ]);
  const first = await slide(chat, ada, body);
  await chat.setState(ada, roomId, "m.room.topic", { topic: "1" });
  await chat.setState(ada, roomId, "m.room.topic", { topic: "2" });
  await chat.setState(ada, roomId, "org.example", {});
  await chat.sendMany(ben, roomId, 3);
  const second = await slide(chat, ada, body, { pos: first.pos });
  assert.deepEqual(
    second.rooms[roomId].required_state.map((event: { content: object }) => event.content),
    [{ topic: "2" }],
  );
  await chat.send(ben, roomId, "no state");
  const third = await slide(chat, ada, body, { pos: second.pos });
  assert.equal(third.rooms[roomId].required_state, undefined);
});

test("what is asked beyond what was comes at once, and nothing again", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben], name: "N" });
  await chat.setState(ada, roomId, "m.room.pinned_events", { pinned: [] });
  const narrow = subscribe(roomId, [["m.room.name", ""]]);
  const wide = subscribe(roomId, [
    ["m.room.name", ""],
    ["m.room.pinned_events", ""],
  ]);
  const first = await slide(chat, ada, narrow);
  const second = await slide(chat, ada, wide, { pos: first.pos });
  assert.deepEqual(stateIn(second, roomId), ["m.room.pinned_events/"]);
  assert.deepEqual(second.rooms[roomId].timeline, []);
  const third = await slide(chat, ada, wide, { pos: second.pos });
  assert.deepEqual(third.rooms, {});
  const fourth = await slide(chat, ada, narrow, { pos: third.pos });
  await chat.setState(ada, roomId, "m.room.pinned_events", { pinned: ["$x"] });
  const fifth = await slide(chat, ada, narrow, { pos: fourth.pos });
  assert.deepEqual(stateIn(fifth, roomId), []);
  const sixth = await slide(chat, ada, wide, { pos: fifth.pos });
  assert.deepEqual(sixth.rooms[roomId].required_state[0].content, { pinned: ["$x"] });
});

test("lazy members: who is in the timeline, once, and anew when their event changes", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben, cleo] });
  await chat.send(ben, roomId, "hello");
  const body = subscribe(roomId, [["m.room.member", "$LAZY"]]);
  const first = await slide(chat, ada, body);
  assert.deepEqual(stateIn(first, roomId), [member(ben)]);
  await chat.send(ben, roomId, "again");
  const second = await slide(chat, ada, body, { pos: first.pos });
  assert.deepEqual(stateIn(second, roomId), []);
  await chat.send(cleo, roomId, "me too");
  assert.deepEqual(stateIn(await slide(chat, ada, body, { pos: second.pos }), roomId), [member(cleo)]);
  // The answer may have been lost.
  const third = await slide(chat, ada, body, { pos: second.pos });
  assert.deepEqual(stateIn(third, roomId), [member(cleo)]);
  await chat.setState(ben, roomId, "m.room.member", { membership: "join", displayname: "B" }, ben.userId);
  await chat.send(cleo, roomId, "hi B");
  const fourth = await slide(chat, ada, subscribe(roomId, [["m.room.member", "$LAZY"]], 5), {
    pos: third.pos,
  });
  assert.ok(stateIn(fourth, roomId).includes(member(ben)));
});

test("a member that was only in an answer which the client gave up is sent with the next that needs it", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben, cleo] });
  await chat.send(ben, roomId, "hello");
  const body = subscribe(roomId, [["m.room.member", "$LAZY"]]);
  const first = await slide(chat, ada, body);
  await chat.send(cleo, roomId, "given up");
  assert.deepEqual(stateIn(await slide(chat, ada, body, { pos: first.pos }), roomId), [member(cleo)]);
  const elsewhere = await slide(chat, ada, { conn_id: "state" }, { pos: first.pos });
  await chat.send(cleo, roomId, "read");
  assert.deepEqual(stateIn(await slide(chat, ada, body, { pos: elsewhere.pos }), roomId), [member(cleo)]);
});

test("lazy members over a gap are those of the timeline, without one everybody who moved", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const body = subscribe(roomId, [["m.room.member", "$LAZY"]], 2);
  const first = await slide(chat, ada, body);
  await chat.member(cleo, roomId, "join");
  const second = await slide(chat, ada, body, { pos: first.pos });
  assert.deepEqual(stateIn(second, roomId), [member(cleo)]);
  await chat.member(cleo, roomId, "leave");
  await chat.sendMany(ben, roomId, 4);
  const third = await slide(chat, ada, body, { pos: second.pos });
  assert.equal(third.rooms[roomId].limited, true);
  assert.deepEqual(stateIn(third, roomId), [], "the leave is not in it, and Ben's event is known");
});

test("the accepted form includes, excludes and loads lazily", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben, cleo], name: "N" });
  await chat.send(ben, roomId, "hello");
  const chosen = async (required_state: object): Promise<string[]> =>
    stateIn(await slideAccepted(chat, ada, subscribe(roomId, required_state)), roomId);
  const everything = await chosen({ include: [{}] });
  assert.equal(everything.length, chat.fixture.matrix.rooms.get(roomId)!.state.size);
  assert.deepEqual(
    await chosen({ include: [{}], exclude: [{ type: "m.room.name" }] }),
    everything.filter((key) => key !== "m.room.name/"),
  );
  assert.deepEqual(
    await chosen({ include: [{}], exclude: [{ type: "m.room.member" }], lazy_members: true }),
    everything.filter((key) => !key.startsWith("m.room.member") || key === member(ben)),
  );
  assert.deepEqual(await chosen({ include: [{ state_key: cleo.userId }] }), [member(cleo)]);
  assert.deepEqual(await chosen({}), []);
});
