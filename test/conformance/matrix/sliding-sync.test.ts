/**
 * Sliding sync as Element X drives it: the three connections that the Rust SDK opens, with its requests as it sends
 * them and its reading of the answers (state from `required_state` alone, what a room is from `invite_state` and from
 * one's own membership).
 */
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { after, before, test } from "node:test";
import type { User } from "../../apps/matrix/fixture.ts";
import { accepted, type House, openHouse, path, type ShownEvent } from "../../apps/matrix/rooms/house.ts";
import { ask, bodies, type Place, slide, stateKeys } from "../../apps/matrix/sliding-sync/slide.ts";
import { encryption, notifications, roomList } from "../../support/rust-sdk-requests.ts";
import { createDevice } from "./device.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(async () => {
  assert.deepEqual(house.fixture.log, []);
  await house.fixture.close();
});

const sync = (user: User, body: object, place: Place = {}): Promise<ShownEvent> =>
  slide(house, user, body, { set_presence: "offline", ...place });
const roomsIn = (answer: ShownEvent): string[] => Object.keys(answer.rooms);

/** A long-poll that is under way when this resolves. */
async function waiting(user: User, body: object, pos: string) {
  const answer = ask(house, user, body, { pos, timeout: 30_000 });
  for (let round = 0; round < 20; round += 1) await turn();
  return answer;
}

test("the server says that it has it, in a form that the SDK looks for", async () => {
  const { body } = await house.fixture.request("GET", "/_matrix/client/versions");
  assert.equal(body.unstable_features["org.matrix.simplified_msc3575"], true);
});

test("the room list: twenty at once, a hundred more with each answer, then waiting", async () => {
  const dana = await house.fixture.user("dana");
  const made: string[] = [];
  for (let index = 0; index < 130; index += 1) made.push(await house.make(dana, { name: `Room ${index}` }));
  const newest = made.toReversed();

  const first = await sync(dana, roomList(19), { timeout: 0 });
  assert.deepEqual(roomsIn(first), newest.slice(0, 20));
  assert.deepEqual(first.lists, { all_rooms: { count: 130 } });
  const room = first.rooms[newest[0]!];
  assert.deepEqual([room.initial, room.timeline.length, room.limited, room.joined_count], [true, 1, true, 1]);
  assert.ok(stateKeys(room.required_state).includes(`m.room.member/${dana.userId}`));
  assert.ok(stateKeys(room.required_state).includes("m.room.create/"));
  assert.equal(first.extensions.account_data.global[0].type, "m.push_rules");

  // The growing mode: 0 to 99, then to the end as the count says it.
  const second = await sync(dana, roomList(99), { pos: first.pos, timeout: 0 });
  assert.deepEqual(roomsIn(second), newest.slice(20, 100));
  const third = await sync(dana, roomList(129), { pos: second.pos, timeout: 0 });
  assert.deepEqual(roomsIn(third), newest.slice(100));
  const idle = await sync(dana, roomList(129), { pos: third.pos, timeout: 0 });
  assert.deepEqual([idle.rooms, idle.extensions], [{}, {}]);

  const news = waiting(dana, roomList(129), idle.pos);
  await house.say(dana, made[0]!, "up again");
  const { body } = await news;
  assert.deepEqual(roomsIn(body), [made[0]]);
  assert.deepEqual(bodies(body.rooms[made[0]!].timeline), ["up again"]);
  assert.equal(body.rooms[made[0]!].num_live, 1);
  const highest = Math.max(
    ...[first, second, third].flatMap((answer) =>
      Object.values(answer.rooms).map((each) => (each as { bump_stamp: number }).bump_stamp),
    ),
  );
  assert.ok(body.rooms[made[0]!].bump_stamp > highest, "it sorts on top");

  // After half an hour in the background the range shrinks, and grows again.
  const small = await sync(dana, roomList(19), { pos: body.pos, timeout: 0 });
  assert.deepEqual(roomsIn(small), []);
  await house.say(dana, made[1]!, "and another");
  const again = await sync(dana, roomList(129), { pos: small.pos, timeout: 0 });
  assert.deepEqual(roomsIn(again), [made[1]]);
});

test("a room is opened: its history comes at once, with pins, receipts and whoever wrote", async () => {
  const { ada, ben } = house;
  const roomId = await house.make(ada, { invite: [ben.userId], is_direct: true });
  accepted(await house.act(ben, "join", roomId));
  for (let index = 0; index < 30; index += 1) await house.say(index % 2 ? ada : ben, roomId, `m${index}`);
  accepted(await house.setState(ada, roomId, "m.room.pinned_events", { pinned: [] }));
  await house.say(ada, roomId, "newest");
  const list = await sync(ada, roomList(19), { timeout: 0 });
  assert.deepEqual(list.rooms[roomId].heroes, [{ user_id: ben.userId, displayname: "ben" }]);
  const opened = await sync(ada, roomList(99, [roomId]), { pos: list.pos, timeout: 30_000 });
  const room = opened.rooms[roomId];
  assert.equal(room.timeline.length, 20);
  assert.deepEqual([room.unstable_expanded_timeline, room.limited, room.num_live], [true, true, 0]);
  assert.deepEqual(stateKeys(room.required_state), [`m.room.member/${ben.userId}`, "m.room.pinned_events/"]);

  const older = await house.call(
    ada,
    "GET",
    `/rooms/${path(roomId)}/messages?dir=b&limit=5&from=${room.prev_batch}`,
  );
  assert.equal(older.body.chunk.length, 5);
  assert.equal(
    older.body.chunk.some((event: ShownEvent) =>
      room.timeline.some((shown: ShownEvent) => shown.event_id === event.event_id),
    ),
    false,
  );

  const reply = waiting(ada, roomList(99, [roomId]), opened.pos);
  const answerId = await house.say(ben, roomId, "an answer");
  const next = (await reply).body;
  assert.deepEqual(bodies(next.rooms[roomId].timeline), ["an answer"]);
  const seen = waiting(ben, roomList(99, [roomId]), (await sync(ben, roomList(99, [roomId]))).pos);
  accepted(await house.call(ada, "POST", `/rooms/${path(roomId)}/receipt/m.read/${answerId}`, {}));
  const { extensions } = (await seen).body;
  assert.ok(extensions.receipts.rooms[roomId].content[answerId]["m.read"][ada.userId]);
  // The room is closed again: its subscription goes, and nothing is sent anew.
  const closed = await sync(ada, roomList(99), { pos: next.pos, timeout: 0 });
  assert.equal(closed.rooms[roomId]?.initial, undefined);
});

test("an invitation, its acceptance and the leave, as the SDK tells them apart", async () => {
  const { ada, ben } = house;
  const start = await sync(ben, roomList(99));
  const invited = waiting(ben, roomList(99), start.pos);
  const roomId = await house.make(ada, { invite: [ben.userId], name: "Invited", preset: "private_chat" });
  let answer = (await invited).body;
  const own = (events: ShownEvent[]): ShownEvent =>
    events.find((event) => event.type === "m.room.member" && event.state_key === ben.userId)?.content
      .membership;
  assert.equal(own(answer.rooms[roomId].invite_state), "invite");
  assert.equal(answer.rooms[roomId].timeline, undefined);
  const joined = waiting(ben, roomList(99), answer.pos);
  accepted(await house.act(ben, "join", roomId));
  answer = (await joined).body;
  assert.deepEqual(
    [
      own(answer.rooms[roomId].required_state),
      answer.rooms[roomId].invite_state,
      answer.rooms[roomId].initial,
    ],
    ["join", undefined, true],
  );
  const left = waiting(ben, roomList(99), answer.pos);
  accepted(await house.act(ben, "leave", roomId));
  answer = (await left).body;
  assert.equal(own(answer.rooms[roomId].required_state), "leave");
});

test("the encryption loop: keys counted, devices told from the second answer on, messages once", async () => {
  const { ada, ben } = house;
  const { deviceKeys, oneTimeKeys } = createDevice(ada);
  const start = await sync(ada, encryption(), { timeout: 30_000 });
  assert.equal(start.extensions.e2ee.device_lists, undefined);
  assert.deepEqual(start.lists, {});
  accepted(
    await house.call(ada, "POST", "/keys/upload", { device_keys: deviceKeys, one_time_keys: oneTimeKeys }),
  );
  const since = start.extensions.to_device.next_batch;
  const own = await sync(ada, encryption(since), { pos: start.pos, timeout: 30_000 });
  assert.deepEqual(own.extensions.e2ee.device_lists.changed, [ada.userId]);
  assert.deepEqual(own.extensions.e2ee.device_one_time_keys_count, { signed_curve25519: 1 });

  const wait = waiting(ada, encryption(own.extensions.to_device.next_batch), own.pos);
  accepted(
    await house.call(ben, "PUT", "/sendToDevice/m.room.encrypted/x1", {
      messages: { [ada.userId]: { [ada.deviceId]: { ciphertext: "…" } } },
    }),
  );
  const { body } = await wait;
  assert.deepEqual(body.extensions.to_device.events, [
    { type: "m.room.encrypted", sender: ben.userId, content: { ciphertext: "…" } },
  ]);
  const done = await sync(ada, encryption(body.extensions.to_device.next_batch), { pos: body.pos });
  assert.deepEqual(done.extensions.to_device.events, []);
});

test("the notification loop: begun anew for each push, it has the message, or the invitation", async () => {
  const { ada, ben } = house;
  const roomId = await house.make(ada, { invite: [ben.userId], name: "Ring" });
  for (let push = 0; push < 2; push += 1) {
    const invite = await sync(ben, notifications(roomId), { timeout: 1000 });
    assert.ok(invite.rooms[roomId].invite_state.length > 0);
  }
  accepted(await house.act(ben, "join", roomId));
  const eventId = await house.say(ada, roomId, "ring");
  const first = await sync(ben, notifications(roomId));
  assert.equal(first.rooms[roomId].timeline.at(-1).event_id, eventId);
  assert.ok(stateKeys(first.rooms[roomId].required_state).includes("m.room.power_levels/"));
  const late = await house.say(ada, roomId, "late");
  const second = await sync(ben, notifications(roomId), { pos: first.pos, timeout: 1000 });
  assert.equal(second.rooms[roomId].timeline[0].event_id, late);
});

test("the app is killed and comes back with the position it stored, the server too", async () => {
  const { ada, ben } = house;
  const roomId = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", roomId));
  const first = await sync(ada, roomList(19), { timeout: 0 });
  const stored = await sync(ada, roomList(99), { pos: first.pos, timeout: 0 });
  await house.fixture.restart();
  await house.say(ben, roomId, "while it was off");
  const back = await sync(ada, roomList(19), { pos: stored.pos, timeout: 0 });
  assert.deepEqual(roomsIn(back), [roomId]);
  assert.deepEqual(bodies(back.rooms[roomId].timeline), ["while it was off"]);
  const gone = await ask(house, ada, roomList(19), { pos: "s1_2~0123456789abcdef.1.1" });
  assert.deepEqual([gone.status, gone.body.errcode], [400, "M_UNKNOWN_POS"]);
});
