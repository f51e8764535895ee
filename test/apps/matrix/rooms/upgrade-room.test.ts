import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse({ roomDirectory: "members" })));
after(() => house.fixture.close());

const upgrade = (user: House["ada"], room: string, version: string, more: object = {}) =>
  house.call(user, "POST", `/rooms/${path(room)}/upgrade`, { new_version: version, ...more });

async function upgraded(user: House["ada"], room: string, version: string, more?: object): Promise<string> {
  const reply = await upgrade(user, room, version, more);
  accepted(reply);
  return reply.body.replacement_room;
}

const state = async (user: House["ada"], room: string, type: string, key = "") =>
  (await house.call(user, "GET", `/rooms/${path(room)}/state/${type}/${path(key)}`)).body;

const everything = async (user: House["ada"], room: string) =>
  (await house.call(user, "GET", `/rooms/${path(room)}/state`)).body;

test("the new room is what the old one was, and each leads to the other", async () => {
  const { ada, ben, cleo } = house;
  const copied: [type: string, content: object, key?: string][] = [
    ["m.room.encryption", { algorithm: "m.megolm.v1.aes-sha2", rotation_period_msgs: 50 }],
    ["m.room.server_acl", { allow: ["*"], deny: ["*.example.org"] }],
    ["m.room.avatar", { url: "mxc://burrow.localhost/door" }],
    ["m.room.history_visibility", { history_visibility: "joined" }],
    ["m.room.guest_access", { guest_access: "forbidden" }],
    ["m.room.join_rules", { join_rule: "knock" }],
    ["m.room.topic", { topic: "What is on" }],
    ["m.space.parent", { via: ["burrow.localhost"], canonical: true }, "!house:burrow.localhost"],
    ["m.space.child", { via: ["burrow.localhost"], order: "x" }, "!cellar:burrow.localhost"],
  ];
  const room = await house.make(ada, {
    name: "Stage",
    room_alias_name: "stage",
    visibility: "public",
    preset: "public_chat",
    room_version: "10",
    creation_content: { type: "m.space", "m.federate": false, "org.example.colour": "red" },
    initial_state: copied
      .map(([type, content, key]) => ({ type, content, state_key: key ?? "" }))
      .filter(({ type }) => type !== "m.room.join_rules"),
    power_level_content_override: { users: { [ada.userId]: 100, [ben.userId]: 55 }, kick: 61 },
  });
  for (const user of [ben, cleo]) accepted(await house.act(user, "join", room));
  accepted(await house.act(ben, "ban", room, { user_id: "@rude:example.org", reason: "rude" }));
  accepted(await house.setState(ada, room, "m.room.pinned_events", { pinned: ["$x"] }));
  accepted(await house.setState(ada, room, "m.room.join_rules", { join_rule: "knock" }));
  accepted(await house.setState(ada, room, "m.space.child", {}, "!gone:burrow.localhost"));
  accepted(
    await house.call(ben, "PUT", `/directory/room/${path("#bens:burrow.localhost")}`, { room_id: room }),
  );
  const last = await house.say(cleo, room, "Curtain");
  const levels = await state(ada, room, "m.room.power_levels");

  const next = await upgraded(ada, room, "11");
  assert.deepEqual(await state(ada, next, "m.room.create"), {
    room_version: "11",
    type: "m.space",
    "m.federate": false,
    "org.example.colour": "red",
    predecessor: { room_id: room, event_id: last },
  });
  for (const [type, content, key] of copied)
    assert.deepEqual(await state(ada, next, type, key), content, type);
  assert.deepEqual(await state(ada, next, "m.room.name"), { name: "Stage" });
  assert.deepEqual(await state(ada, next, "m.room.power_levels"), levels);
  assert.deepEqual(await state(ada, next, "m.room.member", "@rude:example.org"), {
    membership: "ban",
    reason: "rude",
  });
  const told = await everything(ada, next);
  assert.deepEqual(
    told.filter((event: { type: string }) => event.type === "m.room.member").length,
    2,
    "nobody else is brought along",
  );
  for (const absent of ["m.room.pinned_events", "m.room.tombstone"]) {
    assert.equal((await state(ada, next, absent)).errcode, "M_NOT_FOUND");
  }
  assert.equal((await state(ada, next, "m.space.child", "!gone:burrow.localhost")).errcode, "M_NOT_FOUND");

  // The old room points on, and is quiet.
  const { replacement_room: replacement, body } = await state(ben, room, "m.room.tombstone");
  assert.equal(replacement, next);
  assert.equal(typeof body, "string");
  assert.deepEqual(await state(ada, room, "m.room.power_levels"), {
    ...levels,
    events_default: 50,
    invite: 50,
  });
  const word = { msgtype: "m.text", body: "?" };
  refused(
    await house.call(cleo, "PUT", `/rooms/${path(room)}/send/m.room.message/late`, word),
    403,
    "M_FORBIDDEN",
  );

  // All its addresses have moved, and it is the new one that is listed.
  for (const alias of ["#stage:burrow.localhost", "#bens:burrow.localhost"]) {
    assert.equal((await house.call(cleo, "GET", `/directory/room/${path(alias)}`)).body.room_id, next);
  }
  assert.deepEqual(await state(ada, next, "m.room.canonical_alias"), { alias: "#stage:burrow.localhost" });
  assert.deepEqual(await state(ada, room, "m.room.canonical_alias"), {});
  const listing = async (id: string) =>
    (await house.call(cleo, "GET", `/directory/list/room/${path(id)}`)).body.visibility;
  assert.deepEqual([await listing(room), await listing(next)], ["private", "public"]);
  // Who had a say in the old room has it in the new one, once there.
  accepted(await house.act(ada, "invite", next, { user_id: ben.userId }));
  accepted(await house.act(ben, "join", next));
  accepted(await house.setState(ben, next, "m.room.name", { name: "The new stage" }));
});

test("only who may put up a tombstone upgrades, and a refusal changes nothing", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat", room_alias_name: "refusals" });
  accepted(await house.act(ben, "join", room));
  const present = await everything(ada, room);
  refused(await upgrade(ben, room, "12"), 403, "M_FORBIDDEN");
  refused(await upgrade(cleo, room, "12"), 403, "M_FORBIDDEN");
  refused(await upgrade(ada, "!nothing:burrow.localhost", "12"), 403, "M_FORBIDDEN");
  refused(await upgrade(ada, room, "99"), 400, "M_UNSUPPORTED_ROOM_VERSION");
  refused(await house.call(ada, "POST", `/rooms/${path(room)}/upgrade`, {}), 400, "M_MISSING_PARAM");
  for (const creators of ["ben", ["ben"], [1]]) {
    refused(await upgrade(ada, room, "12", { additional_creators: creators }), 400, "M_BAD_JSON");
  }
  // In the midst of it: what the room has become cannot be told in one event of the new version.
  const joined = async () => (await house.call(ada, "GET", "/joined_rooms")).body.joined_rooms.length;
  const rooms = await joined();
  const crowd = Array.from({ length: 2000 }, (_, number) => `@creator-number-${number}:burrow.localhost`);
  refused(await upgrade(ada, room, "12", { additional_creators: crowd }), 413, "M_TOO_LARGE");
  assert.equal(await joined(), rooms);
  assert.deepEqual(await everything(ada, room), present);
  const alias = await house.call(ada, "GET", `/directory/room/${path("#refusals:burrow.localhost")}`);
  assert.equal(alias.body.room_id, room);
});

test("asked again after a lost answer it is the same room; asked otherwise, another", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", room));
  const levels = await state(ada, room, "m.room.power_levels");
  accepted(
    await house.setState(ada, room, "m.room.power_levels", {
      ...levels,
      users: { ...levels.users, [ben.userId]: 100 },
    }),
  );
  // At the same time, as an impatient client does.
  const [first, again] = await Promise.all([upgraded(ada, room, "12"), upgraded(ada, room, "12")]);
  assert.equal(again, first);
  assert.equal(await upgraded(ada, room, "12"), first);
  const shared = await upgraded(ada, room, "12", { additional_creators: [ben.userId] });
  assert.notEqual(shared, first);
  assert.notEqual(await upgraded(ben, room, "12"), shared);
  const latest = await upgraded(ada, room, "11");
  accepted(await house.act(ada, "leave", latest));
  assert.notEqual(await upgraded(ada, room, "11"), latest, "a room that one has left is no use");
});

test("version 12: the creators stand above the levels, and are named in none", async () => {
  const { ada, ben, cleo } = house;
  const old = await house.make(ada, {
    room_version: "11",
    preset: "public_chat",
    power_level_content_override: {
      users: { [ada.userId]: 100, [ben.userId]: 100, [cleo.userId]: 50 },
    },
  });
  accepted(await house.act(ben, "join", old));
  const next = await upgraded(ben, old, "12", { additional_creators: [cleo.userId, ben.userId] });
  assert.match(next, /^![A-Za-z0-9_-]{43}$/);
  const create = await state(ben, next, "m.room.create");
  assert.deepEqual(create.additional_creators, [cleo.userId]);
  assert.deepEqual(create.predecessor, { room_id: old });
  assert.deepEqual((await state(ben, next, "m.room.power_levels")).users, { [ada.userId]: 100 });

  // On to the next one: neither are they carried over by themselves, nor does their power come back.
  accepted(await house.act(ada, "join", next));
  const third = await upgraded(ben, next, "12");
  assert.equal((await state(ben, third, "m.room.create")).additional_creators, undefined);
  assert.deepEqual((await state(ben, third, "m.room.power_levels")).users, { [ada.userId]: 100 });
});

test("back to an older version creators are named at the top, and join rules close rather than open", async () => {
  const { ada, ben } = house;
  const hall = await house.make(ada, { preset: "public_chat" });
  const allow = [{ type: "m.room_membership", room_id: hall }];
  const room = await house.make(ada, {
    room_version: "12",
    preset: "trusted_private_chat",
    invite: [ben.userId],
    initial_state: [{ type: "m.room.join_rules", content: { join_rule: "knock_restricted", allow } }],
  });
  accepted(await house.act(ben, "join", room));
  const eleventh = await upgraded(ada, room, "11", { additional_creators: ["not a user id"] });
  const levels = await state(ada, eleventh, "m.room.power_levels");
  assert.deepEqual(levels.users, { [ada.userId]: 150, [ben.userId]: 150 });
  assert.deepEqual(await state(ada, eleventh, "m.room.join_rules"), { join_rule: "knock_restricted", allow });

  const eighth = await upgraded(ada, eleventh, "8");
  assert.deepEqual(await state(ada, eighth, "m.room.join_rules"), { join_rule: "restricted", allow });
  assert.equal((await state(ada, eighth, "m.room.create")).creator, ada.userId);
  const sixth = await upgraded(ada, eighth, "6");
  assert.deepEqual(await state(ada, sixth, "m.room.join_rules"), { join_rule: "invite" });
});

test("who may put up a tombstone and no more upgrades all the same", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, {
    preset: "public_chat",
    room_alias_name: "modest",
    power_level_content_override: {
      users: { [ada.userId]: 100, [ben.userId]: 10 },
      events: {
        "m.room.tombstone": 10,
        "m.room.canonical_alias": 90,
        "m.room.name": 90,
        "m.room.power_levels": 100,
      },
    },
    name: "Modest",
  });
  accepted(await house.act(ben, "join", room));
  const levels = await state(ada, room, "m.room.power_levels");
  const next = await upgraded(ben, room, "11");
  assert.deepEqual(await state(ben, next, "m.room.power_levels"), levels, "no more than before");
  assert.deepEqual(await state(ben, next, "m.room.name"), { name: "Modest" });
  assert.deepEqual(await state(ben, next, "m.room.canonical_alias"), { alias: "#modest:burrow.localhost" });
  assert.deepEqual(await state(ada, room, "m.room.power_levels"), levels);
  assert.deepEqual(await state(ada, room, "m.room.canonical_alias"), { alias: "#modest:burrow.localhost" });
  refused(await house.setState(ben, next, "m.room.name", { name: "Mine" }), 403, "M_FORBIDDEN");
});
