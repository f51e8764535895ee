import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { User } from "../fixture.ts";
import { type Chat, createChat } from "./chat.ts";

let chat: Chat;
let ada: User;
let ben: User;
before(async () => {
  chat = await createChat();
  ada = await chat.fixture.user("ada");
  ben = await chat.fixture.user("ben");
});
after(() => chat.close());

const setData = (user: User, roomId: string | undefined, type: string, content: Record<string, string>) => {
  const { matrix } = chat.fixture;
  const nid = roomId === undefined ? 0 : matrix.rooms.get(roomId)!.nid;
  return matrix.database.write((transaction) =>
    matrix.accountData.set(transaction, user.userId, nid, type, content),
  );
};

const read = (
  user: User,
  roomId: string,
  eventId: string,
  type: "m.read" | "m.read.private" = "m.read",
  thread = "",
) => {
  const { matrix } = chat.fixture;
  return matrix.database.write((transaction) =>
    matrix.receipts.set(transaction, matrix.rooms.get(roomId)!, {
      userId: user.userId,
      type,
      event: matrix.events.byId(eventId)!,
      thread,
    }),
  );
};

test("account data comes once, to its owner, in its place", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ada);
  const { next_batch: bensSince } = await chat.sync(ben);
  await setData(ada, undefined, "org.example.settings", { theme: "dark" });
  await setData(ada, roomId, "m.tag", { tags: "x" });
  const answer = await chat.sync(ada, { since });
  assert.deepEqual(answer.account_data.events, [
    { type: "org.example.settings", content: { theme: "dark" } },
  ]);
  assert.deepEqual(answer.rooms.join[roomId].account_data.events, [
    { type: "m.tag", content: { tags: "x" } },
  ]);
  assert.deepEqual(answer.rooms.join[roomId].timeline.events, []);
  const next = await chat.sync(ada, { since: answer.next_batch });
  assert.equal(next.account_data, undefined);
  assert.equal(next.rooms, undefined);
  const bens = await chat.sync(ben, { since: bensSince });
  assert.equal(bens.account_data, undefined);
  assert.equal(bens.rooms, undefined);
});

test("changed push rules come whole", async () => {
  const { matrix } = chat.fixture;
  const { next_batch: since } = await chat.sync(ada);
  await matrix.database.write((transaction) =>
    matrix.userRules.change(transaction, ada.userId, (choices) => choices),
  );
  const { account_data: data } = await chat.sync(ada, { since });
  assert.equal(data.events.length, 1);
  assert.equal(data.events[0].type, "m.push_rules");
  assert.ok(data.events[0].content.global.override.length > 0);
});

test("unread messages are counted until one's own receipt, which one's other devices learn of", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ada);
  await chat.send(ben, roomId, "one");
  const last = await chat.send(ben, roomId, "two");
  const unread = await chat.sync(ada, { since });
  assert.equal(unread.rooms.join[roomId].unread_notifications.notification_count, 2);
  await read(ada, roomId, last, "m.read.private");
  const phone = await chat.fixture.user("ada");
  const answer = await chat.sync(phone, { since: unread.next_batch });
  const room = answer.rooms.join[roomId];
  assert.deepEqual(room.unread_notifications, { notification_count: 0, highlight_count: 0 });
  assert.deepEqual(Object.keys(room.ephemeral.events[0].content[last]), ["m.read.private"]);
  const silent = { room: { ephemeral: { types: [] } } };
  const filtered = await chat.sync(phone, { since: unread.next_batch, filter: silent });
  assert.deepEqual(filtered.rooms.join[roomId].unread_notifications.notification_count, 0);
  assert.deepEqual(filtered.rooms.join[roomId].ephemeral.events, []);
});

test("a private receipt is for its owner alone, a public one for the room", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const eventId = await chat.send(ben, roomId, "read me");
  const { next_batch: since } = await chat.sync(ben);
  await read(ada, roomId, eventId, "m.read.private");
  const quiet = await chat.sync(ben, { since });
  assert.equal(quiet.rooms, undefined);
  await read(ada, roomId, eventId);
  const { rooms } = await chat.sync(ben, { since: quiet.next_batch });
  const [receipt] = rooms.join[roomId].ephemeral.events;
  assert.equal(receipt.type, "m.receipt");
  assert.deepEqual(Object.keys(receipt.content[eventId]), ["m.read"]);
  assert.deepEqual(Object.keys(receipt.content[eventId]["m.read"]), [ada.userId]);
});

test("a newcomer gets the receipts that stand in the room already", async () => {
  const cleo = await chat.fixture.user("cleo");
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const eventId = await chat.send(ben, roomId, "hello");
  await read(ada, roomId, eventId);
  const { next_batch: since } = await chat.sync(cleo);
  await chat.member(cleo, roomId, "join");
  const room = (await chat.sync(cleo, { since })).rooms.join[roomId];
  assert.ok(room.ephemeral.events[0].content[eventId]["m.read"][ada.userId]);
});

test("threads are counted apart only for a client that asks", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ada);
  const root = await chat.send(ben, roomId, "root");
  await chat.send(ben, roomId, "reply", { "m.relates_to": { rel_type: "m.thread", event_id: root } });
  const plain = (await chat.sync(ada, { since })).rooms.join[roomId];
  assert.equal(plain.unread_notifications.notification_count, 2);
  assert.equal(plain.unread_thread_notifications, undefined);
  const filter = { room: { timeline: { unread_thread_notifications: true } } };
  const threaded = (await chat.sync(ada, { since, filter })).rooms.join[roomId];
  assert.equal(threaded.unread_notifications.notification_count, 1);
  assert.deepEqual(threaded.unread_thread_notifications, {
    [root]: { notification_count: 1, highlight_count: 0 },
  });
});

test("typing shows, and its end shows as an empty list", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { matrix } = chat.fixture;
  const { nid } = matrix.rooms.get(roomId)!;
  const { next_batch: since } = await chat.sync(ada);
  matrix.typing.set(nid, ben.userId, true, 30_000);
  const typing = await chat.sync(ada, { since });
  assert.deepEqual(typing.rooms.join[roomId].ephemeral.events, [
    { type: "m.typing", content: { user_ids: [ben.userId] } },
  ]);
  assert.equal((await chat.sync(ada, { since: typing.next_batch })).rooms, undefined);
  matrix.typing.set(nid, ben.userId, false);
  const stopped = await chat.sync(ada, { since: typing.next_batch });
  assert.deepEqual(stopped.rooms.join[roomId].ephemeral.events, [
    { type: "m.typing", content: { user_ids: [] } },
  ]);
  const outsider = await chat.fixture.user("dora");
  const { next_batch: outside } = await chat.sync(outsider);
  matrix.typing.set(nid, ben.userId, true, 30_000);
  assert.equal((await chat.sync(outsider, { since: outside })).rooms, undefined, "not for outsiders");
  matrix.typing.set(nid, ben.userId, false);
});

test("a token of before a restart is good after it", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ada);
  await chat.send(ben, roomId, "before");
  await chat.fixture.restart();
  await chat.send(ben, roomId, "after");
  const { rooms } = await chat.sync(ada, { since });
  assert.equal(rooms.join[roomId].timeline.events.length, 2);
});

const numbers = (answer: { to_device?: { events: { content: { index: number } }[] } }): number[] =>
  (answer.to_device?.events ?? []).map((event) => event.content.index);
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);

test("messages to a device keep their order, come at most a hundred at a time, and stay until acknowledged", async () => {
  const { matrix } = chat.fixture;
  const { next_batch: since } = await chat.sync(ada);
  await matrix.database.write((transaction) => {
    for (let index = 0; index < 150; index += 1) {
      const contents = new Map([[ada.deviceId, { index }]]);
      matrix.toDevice.send(transaction, ben.userId, "org.example.note", new Map([[ada.userId, contents]]));
    }
  });
  const held = (): number =>
    matrix.toDevice.pending(ada.userId, ada.deviceId, 0, Number.MAX_SAFE_INTEGER, 1000).length;

  const first = await chat.sync(ada, { since });
  assert.deepEqual(numbers(first), range(0, 100));
  assert.deepEqual(Object.keys(first.to_device.events[0]).toSorted(), ["content", "sender", "type"]);
  assert.deepEqual(numbers(await chat.sync(ada, { since })), range(0, 100), "a lost answer is repeated");
  assert.equal(held(), 150);
  const second = await chat.sync(ada, { since: first.next_batch });
  assert.deepEqual(numbers(second), range(100, 150));
  await matrix.database.write(() => {});
  assert.equal(held(), 50, "the second request proved that the first answer arrived");
  const third = await chat.sync(ada, { since: second.next_batch });
  assert.deepEqual(numbers(third), []);
  await matrix.database.write(() => {});
  assert.equal(held(), 0);
});

test("device lists name whoever changed their keys, and who begins and ceases to share a room", async () => {
  const { matrix } = chat.fixture;
  const eve = await chat.fixture.user("eve");
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { next_batch: since } = await chat.sync(ada);
  await chat.member(eve, roomId, "join");
  const came = await chat.sync(ada, { since });
  assert.deepEqual(came.device_lists, { changed: [eve.userId], left: [] });
  await matrix.database.write((transaction) => matrix.deviceLists.noteChange(transaction, eve.userId));
  const changed = await chat.sync(ada, { since: came.next_batch });
  assert.deepEqual(changed.device_lists, { changed: [eve.userId], left: [] });
  assert.equal(changed.rooms, undefined);
  await chat.member(eve, roomId, "leave");
  const left = await chat.sync(ada, { since: changed.next_batch });
  assert.deepEqual(left.device_lists, { changed: [], left: [eve.userId] });
  assert.equal((await chat.sync(ada, { since: left.next_batch })).device_lists, undefined);
});
