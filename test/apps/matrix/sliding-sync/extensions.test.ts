import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { User } from "../fixture.ts";
import { type Chat, createChat } from "../sync/chat.ts";
import { ask, everyRoom, slide } from "./slide.ts";

let chat: Chat;
let ada: User;
let ben: User;
before(async () => {
  chat = await createChat();
  ada = await chat.fixture.user("ada");
  ben = await chat.fixture.user("ben");
});
after(async () => {
  assert.deepEqual(chat.fixture.log, []);
  await chat.close();
});

const encryption = (toDevice: object = {}): object => ({
  conn_id: "encryption",
  extensions: { to_device: { enabled: true, ...toDevice }, e2ee: { enabled: true } },
});
async function call(user: User, method: string, path: string, body: object = {}): Promise<void> {
  const reply = await chat.fixture.request(method, path, { token: user.token, body });
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
}
let transactions = 0;
const sendToDevice = (user: User, target: User, content: object): Promise<void> =>
  call(user, "PUT", `/v3/sendToDevice/org.example/${++transactions}`, {
    messages: { [target.userId]: { [target.deviceId]: content } },
  });
const setAccountData = (user: User, type: string, content: object, roomId?: string): Promise<void> =>
  call(
    user,
    "PUT",
    `/v3/user/${encodeURIComponent(user.userId)}/${roomId === undefined ? "" : `rooms/${encodeURIComponent(roomId)}/`}account_data/${type}`,
    content,
  );
const read = (user: User, roomId: string, eventId: string, type = "m.read"): Promise<void> =>
  call(user, "POST", `/v3/rooms/${encodeURIComponent(roomId)}/receipt/${type}/${eventId}`);
const type = (user: User, roomId: string, typing: boolean): Promise<void> =>
  call(user, "PUT", `/v3/rooms/${encodeURIComponent(roomId)}/typing/${encodeURIComponent(user.userId)}`, {
    typing,
  });
const withExtensions = (extensions: object, extra: object = {}): object => ({
  ...everyRoom(),
  conn_id: "extended",
  extensions,
  ...extra,
});

test("messages to the device stay until their own token comes back, and come in order", async () => {
  for (const n of [1, 2, 3]) await sendToDevice(ben, ada, { n });
  const numbers = (answer: { extensions: { to_device: { events: { content: { n: number } }[] } } }) =>
    answer.extensions.to_device.events.map((event) => event.content.n);
  const first = await slide(chat, ada, encryption({ limit: 2 }));
  assert.deepEqual(numbers(first), [1, 2]);
  // Going on with the position alone proves nothing.
  const again = await slide(chat, ada, encryption({ limit: 2 }), { pos: first.pos });
  assert.deepEqual(numbers(again), [1, 2]);
  const since = again.extensions.to_device.next_batch;
  const second = await slide(chat, ada, encryption({ since }), { pos: again.pos });
  assert.deepEqual(numbers(second), [3]);
  // They are removed in a write that the answer does not wait for.
  await chat.fixture.matrix.database.write(() => {});
  const anew = await slide(chat, ada, encryption());
  assert.deepEqual(numbers(anew), [3], "what the token had passed is gone, the rest is not");
  const last = anew.extensions.to_device.next_batch;
  const third = await slide(chat, ada, encryption({ since: last }), { pos: anew.pos });
  assert.deepEqual(third.extensions.to_device.events, []);
  const bad = await ask(chat, ada, encryption({ since: "yesterday" }));
  assert.deepEqual([bad.status, bad.body.errcode], [400, "M_INVALID_PARAM"]);
});

test("device lists are told only from a position on, key counts always", async () => {
  const start = await slide(chat, ada, encryption());
  assert.deepEqual(start.extensions.e2ee, {
    device_one_time_keys_count: { signed_curve25519: 0 },
    device_unused_fallback_key_types: [],
  });
  await chat.createRoom(ada, { members: [ben] });
  const next = await slide(chat, ada, encryption(), { pos: start.pos });
  assert.deepEqual(next.extensions.e2ee.device_lists, { changed: [ben.userId], left: [] });
  assert.deepEqual(
    (await slide(chat, ada, encryption(), { pos: next.pos })).extensions.e2ee.device_lists,
    undefined,
  );
});

test("account data comes whole at first, then what changed, for the rooms that are asked for", async () => {
  const roomId = await chat.createRoom(ada);
  const other = await chat.createRoom(ada);
  await setAccountData(ada, "org.example", { a: 1 });
  await setAccountData(ada, "org.example", { r: 1 }, roomId);
  await setAccountData(ada, "org.example", { r: 2 }, other);
  const body = withExtensions({ account_data: { enabled: true } });
  const first = await slide(chat, ada, body);
  const types = (events: { type: string }[]): string[] => events.map((event) => event.type).toSorted();
  assert.deepEqual(types(first.extensions.account_data.global), ["m.push_rules", "org.example"]);
  assert.deepEqual(first.extensions.account_data.rooms[roomId], [{ type: "org.example", content: { r: 1 } }]);
  await setAccountData(ada, "org.example", { r: 3 }, roomId);
  const second = await slide(chat, ada, body, { pos: first.pos });
  assert.deepEqual(second.extensions, {
    account_data: { rooms: { [roomId]: [{ type: "org.example", content: { r: 3 } }] } },
  });
  assert.deepEqual(second.rooms, {});
  const third = await slide(chat, ada, body, { pos: second.pos });
  assert.deepEqual(third.extensions, {});
  const none = withExtensions({ account_data: { enabled: true, lists: [], rooms: [] } });
  const { extensions } = await slide(chat, ada, none);
  assert.equal(extensions.account_data.rooms, undefined);
  const one = withExtensions(
    { account_data: { enabled: true, lists: [], rooms: [other] } },
    { room_subscriptions: { [other]: { timeline_limit: 1, required_state: [] } } },
  );
  assert.deepEqual(Object.keys((await slide(chat, ada, one)).extensions.account_data.rooms), [other]);
});

test("an extension that is turned on later begins with all", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  await read(ben, roomId, await chat.send(ada, roomId, "read this"));
  const first = await slide(chat, ada, withExtensions({}));
  assert.deepEqual(first.extensions, {});
  const later = withExtensions({ receipts: { enabled: true }, account_data: { enabled: true } });
  const second = await slide(chat, ada, later, { pos: first.pos });
  assert.ok(second.extensions.account_data.global.length > 0);
  assert.ok(second.extensions.receipts.rooms[roomId]);
  assert.deepEqual((await slide(chat, ada, later, { pos: second.pos })).extensions, {});
});

test("a new room brings receipts of what is shown, news brings each receipt, private ones to their owner", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const old = await chat.send(ada, roomId, "old");
  await read(ben, roomId, old);
  const mine = await chat.send(ben, roomId, "ben's");
  await read(ada, roomId, mine, "m.read.private");
  const shown = await chat.send(ada, roomId, "shown");
  const body = {
    lists: { all: { ranges: [[0, 0]], timeline_limit: 1, required_state: [] } },
    extensions: { receipts: { enabled: true, rooms: ["*"] } },
  };
  const first = await slide(chat, ada, body);
  const content = first.extensions.receipts.rooms[roomId].content;
  assert.deepEqual(Object.keys(content), [mine], "one's own, though it is not shown");
  await read(ben, roomId, shown);
  const second = await slide(chat, ada, body, { pos: first.pos });
  const receipt = second.extensions.receipts.rooms[roomId];
  assert.equal(receipt.type, "m.receipt");
  assert.deepEqual(Object.keys(receipt.content[shown]["m.read"]), [ben.userId]);
  const third = await slide(chat, ada, body, { pos: second.pos });
  assert.deepEqual(third.extensions, {});
  await read(ada, roomId, shown, "m.read.private");
  const bens = await slide(chat, ben, body);
  assert.equal(JSON.stringify(bens.extensions).includes(ada.userId), false);
});

test("history that is sent later brings its receipts along", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const old = await chat.send(ada, roomId, "old");
  await read(ben, roomId, old);
  await chat.send(ada, roomId, "new");
  const body = (timeline_limit: number): object => ({
    conn_id: "grow",
    room_subscriptions: { [roomId]: { timeline_limit, required_state: [] } },
    extensions: { receipts: { enabled: true } },
  });
  const first = await slide(chat, ada, body(1));
  assert.deepEqual(first.extensions, {});
  const second = await slide(chat, ada, body(2), { pos: first.pos });
  assert.ok(second.extensions.receipts.rooms[roomId].content[old]["m.read"][ben.userId]);
});

test("typing shows, its end shows as an empty list, and only in rooms that are asked for", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const other = await chat.createRoom(ada, { members: [ben] });
  const body = {
    lists: { top: { ranges: [[0, 0]], timeline_limit: 1, required_state: [] } },
    extensions: { typing: { enabled: true } },
  };
  const start = await slide(chat, ada, body);
  assert.deepEqual(Object.keys(start.rooms), [other]);
  await type(ben, other, true);
  await type(ben, roomId, true);
  const first = await slide(chat, ada, body, { pos: start.pos });
  const typing = { type: "m.typing", content: { user_ids: [ben.userId] } };
  assert.deepEqual(first.extensions, { typing: { rooms: { [other]: typing } } });
  assert.deepEqual((await slide(chat, ada, body, { pos: first.pos })).extensions, {});
  await type(ben, other, false);
  const second = await slide(chat, ada, body, { pos: first.pos });
  assert.deepEqual(second.extensions.typing.rooms[other].content.user_ids, []);
  await chat.send(ada, roomId, "up");
  const third = await slide(chat, ada, body, { pos: second.pos });
  assert.deepEqual(third.extensions.typing.rooms[roomId], typing, "a room that comes in tells who types");
});

test("receipts and account data of a room out of range come when it is in range again", async () => {
  const one = await chat.createRoom(ada, { members: [ben] });
  const two = await chat.createRoom(ada, { members: [ben] });
  const eventId = await chat.send(ada, one, "read me");
  const body = (last: number): object => ({
    lists: { top: { ranges: [[0, last]], timeline_limit: 1, required_state: [] } },
    extensions: { account_data: { enabled: true }, receipts: { enabled: true } },
  });
  const first = await slide(chat, ada, body(1));
  await chat.send(ada, two, "on top");
  const second = await slide(chat, ada, body(0), { pos: first.pos });
  await read(ben, one, eventId);
  await setAccountData(ada, "org.example", { missed: true }, one);
  const third = await slide(chat, ada, body(0), { pos: second.pos });
  assert.deepEqual(third.extensions, {});
  const fourth = await slide(chat, ada, body(1), { pos: third.pos });
  assert.ok(fourth.extensions.receipts.rooms[one].content[eventId]);
  assert.deepEqual(fourth.extensions.account_data.rooms[one], [
    { type: "org.example", content: { missed: true } },
  ]);
  assert.deepEqual((await slide(chat, ada, body(1), { pos: fourth.pos })).extensions, {});
});
