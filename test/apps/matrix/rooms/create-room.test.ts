import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused, type ShownEvent } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const typesOf = (events: ShownEvent[]): string[] => events.map((event) => event.type);
const stateIn = (events: ShownEvent[], type: string, key = ""): ShownEvent =>
  events.findLast((event) => event.type === type && event.state_key === key);

test("the events come in the specification's order, and initial_state takes the place of the preset's", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, {
    preset: "private_chat",
    room_alias_name: "order",
    name: "Order",
    topic: "In order",
    invite: [ben.userId],
    is_direct: true,
    initial_state: [
      { type: "m.room.history_visibility", content: { history_visibility: "joined" } },
      { type: "org.example.thing", state_key: "a", content: { x: 1 } },
    ],
  });
  const events = await house.history(ada, room);
  assert.deepEqual(typesOf(events), [
    "m.room.create",
    "m.room.member",
    "m.room.power_levels",
    "m.room.canonical_alias",
    "m.room.join_rules",
    "m.room.guest_access",
    "m.room.history_visibility",
    "org.example.thing",
    "m.room.name",
    "m.room.topic",
    "m.room.member",
  ]);
  assert.equal(stateIn(events, "m.room.history_visibility").content.history_visibility, "joined");
  assert.deepEqual(stateIn(events, "m.room.canonical_alias").content, { alias: "#order:burrow.localhost" });
  assert.deepEqual(stateIn(events, "m.room.topic").content, {
    topic: "In order",
    "m.topic": { "m.text": [{ mimetype: "text/plain", body: "In order" }] },
  });
  // Profiles on both sides, and the hint that it is a direct chat.
  assert.equal(stateIn(events, "m.room.member", ada.userId).content.displayname, "ada");
  assert.deepEqual(stateIn(events, "m.room.member", ben.userId).content, {
    displayname: "ben",
    membership: "invite",
    is_direct: true,
  });
});

test("presets set join rules and guest access, and who may invite", async () => {
  for (const [preset, rule, guests, invite] of [
    ["private_chat", "invite", "can_join", 0],
    ["trusted_private_chat", "invite", "can_join", 0],
    ["public_chat", "public", "forbidden", 50],
  ] as const) {
    const events = await house.history(house.ada, await house.make(house.ada, { preset }));
    assert.equal(stateIn(events, "m.room.join_rules").content.join_rule, rule);
    assert.equal(stateIn(events, "m.room.guest_access").content.guest_access, guests);
    assert.equal(stateIn(events, "m.room.history_visibility").content.history_visibility, "shared");
    assert.equal(stateIn(events, "m.room.power_levels").content.invite, invite);
  }
});

test("a space keeps its type, and the power levels take the override on top", async () => {
  const room = await house.make(house.ada, {
    creation_content: { type: "m.space", creator: "@cleo:burrow.localhost", room_version: "1" },
    power_level_content_override: { events_default: 100 },
  });
  const events = await house.history(house.ada, room);
  assert.deepEqual(stateIn(events, "m.room.create").content, { type: "m.space", room_version: "11" });
  const levels = stateIn(events, "m.room.power_levels").content;
  assert.equal(levels.events_default, 100);
  assert.equal(levels.users[house.ada.userId], 100);
});

test("power levels in initial_state stand in for the default ones", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, {
    initial_state: [
      { type: "m.room.power_levels", content: { users: { [ada.userId]: 100, [ben.userId]: 75 } } },
    ],
    power_level_content_override: { invite: 75 },
  });
  const events = await house.history(ada, room);
  assert.deepEqual(stateIn(events, "m.room.power_levels").content, {
    users: { [ada.userId]: 100, [ben.userId]: 75 },
    invite: 75,
  });
  assert.equal(typesOf(events).filter((type) => type === "m.room.power_levels").length, 1);
});

test("a trusted chat makes the invited as high as its creator", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "trusted_private_chat", invite: [ben.userId] });
  const levels = stateIn(await house.history(ada, room), "m.room.power_levels").content;
  assert.deepEqual(levels.users, { [ada.userId]: 100, [ben.userId]: 100 });
});

test("version 10 names its creator in the content, 11 does not, and unknown versions are refused", async () => {
  const { ada } = house;
  const ten = await house.history(ada, await house.make(ada, { room_version: "10" }));
  assert.deepEqual(stateIn(ten, "m.room.create").content, { creator: ada.userId, room_version: "10" });
  const reply = await house.call(ada, "POST", "/createRoom", { room_version: "13" });
  refused(reply, 400, "M_UNSUPPORTED_ROOM_VERSION");
  refused(await house.call(ada, "POST", "/createRoom", { room_version: 11 }), 400, "M_BAD_JSON");
});

test("version 12: the id is a hash without a server name, and creators are above all levels", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, {
    room_version: "12",
    preset: "trusted_private_chat",
    creation_content: { additional_creators: [cleo.userId] },
    invite: [ben.userId, cleo.userId],
  });
  assert.match(room, /^![A-Za-z0-9_-]{43}$/);
  const events = await house.history(ada, room);
  const create = stateIn(events, "m.room.create");
  assert.equal(`!${create.event_id.slice(1)}`, room);
  assert.deepEqual(create.content, { room_version: "12", additional_creators: [cleo.userId, ben.userId] });
  const levels = stateIn(events, "m.room.power_levels").content;
  assert.deepEqual([levels.users, levels.events["m.room.tombstone"]], [{}, 150]);
  // As a creator Ben may do what takes 150.
  accepted(await house.act(ben, "join", room));
  accepted(
    await house.setState(ben, room, "m.room.tombstone", {
      body: "moved",
      replacement_room: "!x:example.org",
    }),
  );
  // And nobody may list one.
  const listed = { ...levels, users: { [ada.userId]: 100 } };
  refused(await house.setState(ada, room, "m.room.power_levels", listed), 400, "M_BAD_JSON");
  refused(
    await house.call(ada, "POST", "/createRoom", {
      room_version: "12",
      creation_content: { additional_creators: "everyone" },
    }),
    400,
    "M_BAD_JSON",
  );
});

test("version 12: rooms made alike at the same time are still different rooms", async () => {
  const rooms = await Promise.all(
    Array.from({ length: 4 }, () => house.make(house.ada, { room_version: "12", name: "Twin" })),
  );
  assert.equal(new Set(rooms).size, 4);
});

test("what is refused on the way leaves nothing behind: no room, no alias, no invitation", async () => {
  const { ada, ben } = house;
  const rooms = (await house.call(ada, "GET", "/joined_rooms")).body.joined_rooms.length;
  const count = house.fixture.matrix.database.prepare<{ n: number }>("SELECT count(*) AS n FROM events");
  const events = count.get()?.n;
  const request = { room_alias_name: "half", invite: [ben.userId, "@nobody:burrow.localhost"] };
  refused(await house.call(ada, "POST", "/createRoom", request), 404, "M_NOT_FOUND");
  // With these levels the creator may not send the name.
  const powerless = { power_level_content_override: { users: {} }, name: "x", room_alias_name: "half" };
  refused(await house.call(ada, "POST", "/createRoom", powerless), 403, "M_FORBIDDEN");
  assert.equal((await house.call(ada, "GET", "/joined_rooms")).body.joined_rooms.length, rooms);
  assert.equal(count.get()?.n, events);
  const alias = path("#half:burrow.localhost");
  refused(await house.call(ada, "GET", `/directory/room/${alias}`), 404, "M_NOT_FOUND");
  await house.make(ada, { room_alias_name: "half" });
  refused(await house.call(ben, "POST", "/createRoom", { room_alias_name: "half" }), 400, "M_ROOM_IN_USE");
});

test("wrong types and unknown words are told apart from the request that is right", async () => {
  for (const body of [
    { preset: "open" },
    { preset: 1 },
    { visibility: "secret" },
    { invite: "@ben:burrow.localhost" },
    { invite: [1] },
    { initial_state: [1] },
    { initial_state: [{ type: "x", content: "y" }] },
    { initial_state: [{ type: "x", content: { ratio: 0.5 } }] },
    { power_level_content_override: { users: "x" } },
    { power_level_content_override: { ban: "50" } },
    { creation_content: [] },
    { is_direct: "yes" },
    { name: {} },
  ]) {
    refused(await house.call(house.ada, "POST", "/createRoom", body), 400, "M_BAD_JSON");
  }
  const state = Array.from({ length: 501 }, (_, index) => ({
    type: "t",
    state_key: `${index}`,
    content: {},
  }));
  for (const body of [
    { room_alias_name: "a b" },
    { room_alias_name: "a:b" },
    { room_alias_name: "" },
    { initial_state: state },
  ]) {
    refused(await house.call(house.ada, "POST", "/createRoom", body), 400, "M_INVALID_PARAM");
  }
  refused(
    await house.call(house.ada, "POST", "/createRoom", { initial_state: [{ content: {} }] }),
    400,
    "M_MISSING_PARAM",
  );
  refused(await house.call(house.ada, "POST", "/createRoom", { visibility: "public" }), 403, "M_FORBIDDEN");
  const thirdParty = { invite_3pid: [{ medium: "email", address: "cleo@example.org" }] };
  refused(await house.call(house.ada, "POST", "/createRoom", thirdParty), 403, "M_THREEPID_DENIED");
});
