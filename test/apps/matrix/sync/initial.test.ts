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

test("a first sync shows the newest ten events, and the state before them", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben], name: "Garden" });
  await chat.sendMany(ben, roomId, 12);
  const { rooms } = await chat.sync(ada);
  const room = rooms.join[roomId];
  assert.deepEqual(
    texts(room.timeline),
    Array.from({ length: 10 }, (_, index) => `message ${index + 3}`),
  );
  assert.equal(room.timeline.limited, true);
  assert.deepEqual(keys(room.state), [
    "m.room.create/",
    "m.room.history_visibility/",
    "m.room.join_rules/",
    `m.room.member/${ada.userId}`,
    `m.room.member/${ben.userId}`,
    "m.room.name/",
    "m.room.power_levels/",
  ]);
  const { so } = parseToken(room.timeline.prev_batch);
  const stored = chat.fixture.matrix.rooms.get(roomId)!;
  const [older] = chat.fixture.matrix.events.newest(stored, 0, so, 1);
  assert.equal(older?.pdu.content["body"], "message 2", "prev_batch stands just before the first event");
});

test("no event stands both in state and in the timeline", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { rooms } = await chat.sync(ada, { filter: { room: { timeline: { limit: 2 } } } });
  const room = rooms.join[roomId];
  assert.deepEqual(keys(room.timeline), ["m.room.history_visibility/", `m.room.member/${ben.userId}`]);
  assert.deepEqual(keys(room.state), [
    "m.room.create/",
    "m.room.join_rules/",
    `m.room.member/${ada.userId}`,
    "m.room.power_levels/",
  ]);
  const whole = (await chat.sync(ada)).rooms.join[roomId];
  assert.equal(whole.timeline.limited, false);
  assert.equal(whole.timeline.events.length, 6);
  assert.deepEqual(whole.state.events, []);
});

test("a limit of nothing gives no events, and a token to page from", async () => {
  const roomId = await chat.createRoom(ada);
  const { rooms } = await chat.sync(ada, { filter: { room: { timeline: { limit: 0 } } } });
  const room = rooms.join[roomId];
  assert.deepEqual(room.timeline.events, []);
  assert.equal(room.timeline.limited, true);
  assert.equal(parseToken(room.timeline.prev_batch).so, chat.fixture.matrix.rooms.get(roomId)!.last!.so);
  assert.equal(room.state.events.length, 5);
});

test("a first sync has the push rules and the key counts, and no device list changes", async () => {
  const cleo = await chat.fixture.user("cleo");
  const answer = await chat.sync(cleo);
  assert.equal(answer.rooms, undefined);
  assert.deepEqual(answer.device_one_time_keys_count, { signed_curve25519: 0 });
  assert.deepEqual(answer.device_unused_fallback_key_types, []);
  assert.equal(answer.device_lists, undefined);
  const rules = answer.account_data.events.find((event: { type: string }) => event.type === "m.push_rules");
  assert.ok(rules.content.global.underride.length > 0);
});

test("an invitation shows stripped state only, and the create event in full", async () => {
  const dora = await chat.fixture.user("dora");
  const roomId = await chat.createRoom(ada, { members: [ben], name: "Secret garden" });
  await chat.setState(ada, roomId, "m.room.pinned_events", { pinned: [] });
  await chat.send(ada, roomId, "not for dora");
  await chat.member(ada, roomId, "invite", dora);
  const { rooms } = await chat.sync(dora);
  assert.deepEqual(Object.keys(rooms), ["invite"]);
  const { events } = rooms.invite[roomId].invite_state;
  assert.deepEqual(keys({ events }), [
    "m.room.create/",
    "m.room.join_rules/",
    `m.room.member/${ada.userId}`,
    `m.room.member/${dora.userId}`,
    "m.room.name/",
  ]);
  const [create, ...others] = events;
  assert.match(create.event_id, /^\$/);
  assert.equal(typeof create.origin_server_ts, "number");
  assert.equal(create.room_id, roomId);
  for (const event of others) {
    assert.deepEqual(Object.keys(event).toSorted(), ["content", "sender", "state_key", "type"]);
  }
});

test("rooms that were left are shown only on request, and forgotten ones never", async () => {
  const eve = await chat.fixture.user("eve");
  const kept = await chat.createRoom(ada, { members: [eve] });
  const forgotten = await chat.createRoom(ada, { members: [eve] });
  await chat.send(ada, kept, "before");
  for (const roomId of [kept, forgotten]) await chat.member(eve, roomId, "leave");
  await chat.send(ada, kept, "after");
  const { matrix } = chat.fixture;
  await matrix.database.write((transaction) =>
    matrix.memberships.forget(transaction, eve.userId, matrix.rooms.get(forgotten)!.nid),
  );

  assert.equal((await chat.sync(eve)).rooms, undefined);
  const { rooms } = await chat.sync(eve, { filter: { room: { include_leave: true } } });
  assert.deepEqual(Object.keys(rooms), ["leave"]);
  assert.deepEqual(Object.keys(rooms.leave), [kept]);
  assert.deepEqual(texts(rooms.leave[kept].timeline), ["before"]);
  assert.equal(rooms.leave[kept].timeline.events.at(-1).content.membership, "leave");
});

test("the summary counts members, and names heroes only where the room has no name", async () => {
  const fred = await chat.fixture.user("fred");
  const nameless = await chat.createRoom(ada, { members: [ben] });
  const named = await chat.createRoom(ada, { members: [ben], name: "Kitchen" });
  await chat.member(ada, nameless, "invite", fred);
  const { rooms } = await chat.sync(ada);
  assert.deepEqual(rooms.join[nameless].summary, {
    "m.heroes": [ben.userId, fred.userId],
    "m.joined_member_count": 2,
    "m.invited_member_count": 1,
  });
  assert.deepEqual(rooms.join[named].summary, { "m.joined_member_count": 2, "m.invited_member_count": 0 });
});

test("a filter for rooms holds for every section", async () => {
  const gus = await chat.fixture.user("gus");
  const one = await chat.createRoom(ada, { members: [gus] });
  const two = await chat.createRoom(ada, { members: [gus] });
  assert.deepEqual(Object.keys((await chat.sync(gus, { filter: { room: { rooms: [one] } } })).rooms.join), [
    one,
  ]);
  assert.deepEqual(
    Object.keys((await chat.sync(gus, { filter: { room: { not_rooms: [one] } } })).rooms.join),
    [two],
  );
});

test("bad parameters are refused, each with its name", async () => {
  const cases: [string, number, RegExp][] = [
    ["since=yesterday", 400, /token/],
    ["since=s1_2_3_4", 400, /token/],
    ["timeout=soon", 400, /timeout/],
    ["timeout=-1", 400, /timeout/],
    ["filter=%7Bnot%20json", 400, /filter/],
    ["filter=%7B%22room%22%3A1%7D", 400, /room/],
    ["filter=999", 404, /filter/],
    ["full_state=maybe", 400, /full_state/],
    ["use_state_after=1", 400, /use_state_after/],
  ];
  for (const [query, status, message] of cases) {
    const reply = await chat.fixture.request("GET", `/v3/sync?${query}`, { token: ada.token });
    assert.equal(reply.status, status, query);
    assert.match(reply.body.error, message, query);
  }
});
