import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const rules = async (user: House["ada"]) =>
  (await house.call(user, "GET", "/pushrules/global/")).body.room.map(
    (rule: { rule_id: string }) => rule.rule_id,
  );
const own = (user: House["ada"], rest: string, body?: object) =>
  house.call(user, body ? "PUT" : "GET", `/user/${path(user.userId)}/${rest}`, body);
const tags = async (user: House["ada"], room: string) =>
  (await own(user, `rooms/${path(room)}/tags`)).body.tags;
const direct = async (user: House["ada"]) => (await own(user, "account_data/m.direct")).body;

/** What somebody makes of a room for themselves. */
async function choose(user: House["ada"], room: string): Promise<void> {
  accepted(await house.call(user, "PUT", `/pushrules/global/room/${path(room)}`, { actions: [] }));
  accepted(await own(user, `rooms/${path(room)}/tags/m.favourite`, { order: 0.5 }));
  accepted(await own(user, "account_data/m.direct", { [house.ada.userId]: [room], "@odd:example.org": [1] }));
}

test("mute, favourite and direct chat go over to the new room, for everyone in the old one", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat", room_version: "10" });
  accepted(await house.act(ben, "join", room));
  for (const user of [ada, ben]) await choose(user, room);
  const since = (await house.call(ben, "GET", "/sync")).body.next_batch;
  const reply = await house.call(ada, "POST", `/rooms/${path(room)}/upgrade`, { new_version: "11" });
  const next = reply.body.replacement_room;

  for (const user of [ada, ben]) {
    assert.deepEqual(await rules(user), [next, room]);
    assert.deepEqual(await direct(user), { [ada.userId]: [room, next], "@odd:example.org": [1] });
  }
  assert.deepEqual(await rules(cleo), []);
  // Ben's devices hear of it, and when he comes in the room is a favourite already.
  const heard = (await house.call(ben, "GET", `/sync?since=${since}`)).body;
  assert.deepEqual(heard.account_data.events.map((event: { type: string }) => event.type).toSorted(), [
    "m.direct",
    "m.push_rules",
  ]);
  accepted(await house.act(ben, "join", next));
  const came = (await house.call(ben, "GET", `/sync?since=${heard.next_batch}`)).body.rooms.join[next];
  assert.deepEqual(
    came.account_data.events.find((event: { type: string }) => event.type === "m.tag")?.content,
    { tags: { "m.favourite": { order: 0.5 } } },
  );
  for (const user of [ada, ben]) assert.deepEqual(await tags(user, next), await tags(user, room));
});

test("an upgrade by hand does the same, and what was chosen for the new room stands", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", room));
  await choose(ben, room);
  const next = await house.make(ada, {
    preset: "public_chat",
    creation_content: { predecessor: { room_id: room } },
  });
  accepted(await house.act(ben, "join", next));
  accepted(await own(ben, `rooms/${path(next)}/tags/m.lowpriority`, {}));
  const tombstone = { body: "moved", replacement_room: next };
  accepted(await house.setState(ada, room, "m.room.tombstone", tombstone));
  const carried = await rules(ben);
  assert.ok(carried.includes(next));
  assert.deepEqual(await tags(ben, next), { "m.lowpriority": {} });
  // Said twice, done once.
  accepted(await house.setState(ada, room, "m.room.tombstone", { ...tombstone, body: "moved on" }));
  assert.deepEqual(await rules(ben), carried);
  assert.deepEqual((await direct(ben))[ada.userId], [room, next]);
});

test("a tombstone makes nothing of a room that does not name the old one", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", room));
  await choose(ben, room);
  const chosen = await rules(ben);
  const stranger = await house.make(ada, { preset: "public_chat" });
  for (const replacement of [stranger, room, "!nothing:burrow.localhost"]) {
    accepted(await house.setState(ada, room, "m.room.tombstone", { replacement_room: replacement }));
  }
  assert.deepEqual(await rules(ben), chosen);
  assert.deepEqual((await direct(ben))[ada.userId], [room]);
});
