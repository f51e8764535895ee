import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { User } from "../fixture.ts";
import { type Chat, createChat } from "../sync/chat.ts";
import { bodies, everyRoom, slide, slideAccepted } from "./slide.ts";

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

const limit = (timeline_limit: number): object => everyRoom({ timeline_limit });
const join = (user: User, roomId: string, profile: object): Promise<string> =>
  chat.setState(user, roomId, "m.room.member", { membership: "join", ...profile }, user.userId);

test("a room comes whole once, then only what changed of it", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben], name: "Whole" });
  await chat.sendMany(ben, roomId, 3);
  const first = await slide(chat, ada, limit(2));
  const { timeline, prev_batch, required_state, ...rest } = first.rooms[roomId];
  assert.deepEqual(bodies(timeline), ["message 2", "message 3"]);
  assert.match(prev_batch, /^s\d+$/);
  assert.equal(required_state, undefined);
  assert.deepEqual(rest, {
    name: "Whole",
    initial: true,
    limited: true,
    num_live: 0,
    joined_count: 2,
    invited_count: 0,
    notification_count: 3,
    highlight_count: 0,
    bump_stamp: rest.bump_stamp,
  });
  await chat.send(ben, roomId, "four");
  const second = await slide(chat, ada, limit(2), { pos: first.pos });
  const { timeline: news, ...fewer } = second.rooms[roomId];
  assert.deepEqual(bodies(news), ["four"]);
  assert.deepEqual(fewer, {
    prev_batch: fewer.prev_batch,
    limited: false,
    num_live: 1,
    notification_count: 4,
    highlight_count: 0,
    bump_stamp: fewer.bump_stamp,
  });
});

test("too much news is the newest of it, marked, and prev_batch leads to the rest", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { pos } = await slide(chat, ada, limit(3));
  await chat.sendMany(ben, roomId, 5);
  const room = (await slide(chat, ada, limit(3), { pos })).rooms[roomId];
  assert.deepEqual(
    [bodies(room.timeline), room.limited, room.num_live],
    [["message 3", "message 4", "message 5"], true, 3],
  );
  const path = `/v3/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=2&from=${room.prev_batch}`;
  const { body } = await chat.fixture.request("GET", path, { token: ada.token });
  assert.deepEqual(bodies(body.chunk), ["message 2", "message 1"]);
});

test("live events are told from history in a room that is new to the connection", async () => {
  const { pos } = await slide(chat, ada, limit(3));
  const roomId = await chat.createRoom(ben);
  await chat.sendMany(ben, roomId, 2);
  await chat.member(ada, roomId, "join");
  const room = (await slide(chat, ada, limit(10), { pos })).rooms[roomId];
  assert.equal(room.initial, true);
  assert.equal(room.num_live, room.timeline.length);
  const old = await chat.createRoom(ben, { members: [ada] });
  await chat.sendMany(ben, old, 2);
  const elsewhere = { conn_id: "x", room_subscriptions: {} };
  const start = await slide(chat, ada, elsewhere);
  await chat.send(ben, old, "live");
  const subscribed = {
    ...elsewhere,
    room_subscriptions: { [old]: { timeline_limit: 3, required_state: [] } },
  };
  const shown = (await slide(chat, ada, subscribed, { pos: start.pos })).rooms[old];
  assert.deepEqual([shown.initial, shown.timeline.length, shown.num_live], [true, 3, 1]);
});

test("a larger timeline sends history at once, marked; a smaller one nothing", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  await chat.sendMany(ben, roomId, 6);
  const first = await slide(chat, ada, limit(2));
  const second = await slide(chat, ada, limit(4), { pos: first.pos });
  const grown = second.rooms[roomId];
  assert.deepEqual(
    bodies(grown.timeline),
    [3, 4, 5, 6].map((n) => `message ${n}`),
  );
  assert.deepEqual(
    [grown.unstable_expanded_timeline, grown.limited, grown.num_live, grown.initial],
    [true, true, 0, undefined],
  );
  const third = await slide(chat, ada, limit(1), { pos: second.pos });
  assert.equal(third.rooms[roomId], undefined);
  const fourth = await slide(chat, ada, limit(3), { pos: third.pos });
  assert.equal(fourth.rooms[roomId], undefined, "all three have been sent");
  await chat.sendMany(ben, roomId, 2, "hole ");
  const fifth = await slide(chat, ada, limit(1), { pos: fourth.pos });
  assert.deepEqual([bodies(fifth.rooms[roomId].timeline), fifth.rooms[roomId].limited], [["hole 2"], true]);
  const sixth = await slide(chat, ada, limit(2), { pos: fifth.pos });
  assert.deepEqual(bodies(sixth.rooms[roomId].timeline), ["hole 1", "hole 2"]);
  const whole = await slide(chat, ada, limit(99), { pos: sixth.pos });
  assert.equal(whole.rooms[roomId].limited, false);
  assert.deepEqual((await slide(chat, ada, limit(100), { pos: whole.pos })).rooms, {});
});

test("a room without a name has heroes, and tells when either changes", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  await join(ben, roomId, { displayname: "Ben", avatar_url: "mxc://burrow.localhost/ben" });
  const first = await slide(chat, ada, everyRoom());
  assert.equal(first.rooms[roomId].name, undefined);
  const hero = { user_id: ben.userId, displayname: "Ben", avatar_url: "mxc://burrow.localhost/ben" };
  assert.deepEqual(first.rooms[roomId].heroes, [hero]);
  await chat.member(cleo, roomId, "join");
  const second = await slide(chat, ada, everyRoom(), { pos: first.pos });
  assert.deepEqual(second.rooms[roomId].heroes, [hero, { user_id: cleo.userId }]);
  assert.equal(second.rooms[roomId].joined_count, 3);
  await chat.setState(ada, roomId, "m.room.name", { name: "Named" });
  const third = await slide(chat, ada, everyRoom(), { pos: second.pos });
  assert.deepEqual([third.rooms[roomId].name, third.rooms[roomId].heroes], ["Named", undefined]);
  await chat.setState(ada, roomId, "m.room.canonical_alias", { alias: "#no-name:burrow.localhost" });
  await chat.setState(ada, roomId, "m.room.name", {});
  const fourth = await slide(chat, ada, everyRoom(), { pos: third.pos });
  assert.equal(fourth.rooms[roomId].name, undefined);
  assert.equal(fourth.rooms[roomId].heroes.length, 2);
});

test("the avatar is the room's, a direct room's other person's where it has none, and null when it goes", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  await join(ben, roomId, { avatar_url: "mxc://burrow.localhost/ben" });
  const first = await slide(chat, ada, everyRoom());
  assert.equal(first.rooms[roomId].avatar, undefined);
  assert.equal(first.rooms[roomId].is_dm, undefined);
  const setDirect = (rooms: string[]) =>
    chat.fixture.request("PUT", `/v3/user/${encodeURIComponent(ada.userId)}/account_data/m.direct`, {
      token: ada.token,
      body: { [ben.userId]: rooms },
    });
  const seen = async (pos: string) => {
    const answer = await slide(chat, ada, everyRoom(), { pos });
    const { is_dm, avatar } = answer.rooms[roomId];
    return { pos: answer.pos, is_dm, avatar };
  };
  await setDirect([roomId]);
  const direct = await seen(first.pos);
  assert.deepEqual([direct.is_dm, direct.avatar], [true, "mxc://burrow.localhost/ben"]);
  await join(ben, roomId, { avatar_url: "mxc://burrow.localhost/new" });
  const changed = await seen(direct.pos);
  assert.deepEqual([changed.is_dm, changed.avatar], [undefined, "mxc://burrow.localhost/new"]);
  await chat.setState(ada, roomId, "m.room.avatar", { url: "mxc://burrow.localhost/room" });
  const own = await seen(changed.pos);
  assert.equal(own.avatar, "mxc://burrow.localhost/room");
  await setDirect([]);
  const group = await seen(own.pos);
  assert.equal(group.is_dm, false);
  await chat.setState(ada, roomId, "m.room.avatar", {});
  assert.equal((await seen(group.pos)).avatar, null);
});

test("counts follow one's own receipt, sent on any device", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const eventId = await chat.send(ben, roomId, `hello ada`);
  const first = await slide(chat, ada, everyRoom());
  assert.equal(first.rooms[roomId].notification_count, 1);
  const receipt = `/v3/rooms/${encodeURIComponent(roomId)}/receipt/m.read.private/${eventId}`;
  await chat.fixture.request("POST", receipt, { token: ada.token, body: {} });
  const { rooms } = await slide(chat, ada, everyRoom(), { pos: first.pos });
  assert.deepEqual(Object.keys(rooms), [roomId]);
  assert.equal(rooms[roomId].notification_count, 0);
  assert.deepEqual(rooms[roomId].timeline, []);
});

test("the accepted form has its own names for the same", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben], name: "Accepted" });
  await chat.sendMany(ben, roomId, 3);
  const include = [{ type: "m.room.name", state_key: "" }];
  const body = (timeline_limit: number, pos?: string): object => ({
    conn_id: "accepted",
    ...(pos !== undefined && { pos }),
    timeout: 0,
    set_presence: "offline",
    lists: { all: { range: [0, 0], timeline_limit, required_state: { include } } },
  });
  const first = await slideAccepted(chat, ada, body(1));
  const room = first.rooms[roomId];
  assert.deepEqual(bodies(room.timeline_events), ["message 3"]);
  assert.deepEqual([room.membership, room.lists, room.name], ["join", ["all"], "Accepted"]);
  assert.equal(room.required_state[0].content.name, "Accepted");
  await chat.setState(ada, roomId, "m.room.name", {});
  const second = await slideAccepted(chat, ada, body(3, first.pos));
  assert.deepEqual([second.rooms[roomId].name, second.rooms[roomId].expanded_timeline], [null, true]);
  const { rooms } = await slideAccepted(chat, ada, {
    conn_id: "no range",
    lists: { all: { timeline_limit: 1, required_state: {} } },
  });
  assert.ok(Object.keys(rooms).length > 1, "without a range a list is all rooms");
});

test("transaction ids come back, and an event's own only to the device that sent it", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const first = await slide(chat, ada, { ...everyRoom(), txn_id: "t1" });
  assert.equal(first.txn_id, "t1");
  await chat.append(roomId, {
    type: "m.room.message",
    sender: ada.userId,
    content: { body: "mine" },
    transaction: { deviceId: ada.deviceId, txnId: "m1" },
  });
  const { rooms } = await slide(chat, ada, everyRoom(), { pos: first.pos });
  assert.equal(rooms[roomId].timeline[0].unsigned.transaction_id, "m1");
  const other = await chat.fixture.user("ada", { deviceId: "OTHER" });
  const there = (await slide(chat, other, limit(1))).rooms[roomId].timeline[0];
  assert.deepEqual([there.content.body, there.unsigned.transaction_id], ["mine", undefined]);
});
