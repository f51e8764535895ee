/** Behaviours of rooms and memberships on which clients and the peers' own test suites rely. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { User } from "../../apps/matrix/fixture.ts";
import {
  accepted,
  type House,
  openHouse,
  path,
  refused,
  type ShownEvent,
} from "../../apps/matrix/rooms/house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(async () => {
  assert.deepEqual(house.fixture.log, []);
  await house.fixture.close();
});

const sync = async (user: User, query = ""): Promise<ShownEvent> => {
  const reply = await house.call(user, "GET", `/sync?${query}`);
  accepted(reply);
  return reply.body;
};
const membership = async (room: string, user: User): Promise<ShownEvent> =>
  (await house.call(house.ada, "GET", `/rooms/${path(room)}/state/m.room.member/${path(user.userId)}`)).body;

test("what a client adds to its join stands in the membership event, by room id and by alias", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat", room_alias_name: "custom" });
  const body = { "org.example.seat": 4, reason: "dinner", membership: "leave", third_party_signed: {} };
  for (const [user, name] of [
    [ben, room],
    [cleo, "#custom:burrow.localhost"],
  ] as const) {
    accepted(await house.call(user, "POST", `/join/${path(name)}`, body));
    assert.deepEqual(await membership(room, user), {
      displayname: user.name,
      membership: "join",
      "org.example.seat": 4,
      reason: "dinner",
    });
  }
});

test("a room nickname holds in its room alone, at the join or later, until the profile changes", async () => {
  const { ada, ben } = house;
  const [one, other] = [
    await house.make(ada, { preset: "public_chat" }),
    await house.make(ada, { preset: "public_chat" }),
  ];
  const named = { membership: "join", displayname: "Benny" };
  accepted(await house.setState(ben, one, "m.room.member", named, ben.userId));
  accepted(await house.act(ben, "join", other));
  const names = async () => [
    (await membership(one, ben)).displayname,
    (await membership(other, ben)).displayname,
  ];
  assert.deepEqual(await names(), ["Benny", "ben"]);
  accepted(await house.setState(ben, other, "m.room.member", { ...named, displayname: "Chef" }, ben.userId));
  assert.deepEqual(await names(), ["Benny", "Chef"]);
  const profile = `/profile/${path(ben.userId)}`;
  assert.equal((await house.call(ada, "GET", profile)).body.displayname, "ben");
  accepted(await house.call(ben, "PUT", `${profile}/displayname`, { displayname: "Benedict" }));
  assert.deepEqual(await names(), ["Benedict", "Benedict"]);
});

test("who made a room and left it can be invited back", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { invite: [ben.userId] });
  accepted(await house.act(ben, "join", room));
  const users = { [ada.userId]: 100, [ben.userId]: 100 };
  accepted(await house.setState(ada, room, "m.room.power_levels", { invite: 100, users }));
  accepted(await house.act(ada, "leave", room));
  refused(await house.act(ada, "join", room), 403, "M_FORBIDDEN");
  accepted(await house.act(ben, "invite", room, { user_id: ada.userId }));
  accepted(await house.act(ada, "join", room));
  accepted(await house.setState(ada, room, "m.room.name", { name: "Back" }));
});

test("an invitation to a direct chat says so to the invited, and can be turned down in an empty room", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { is_direct: true, invite: [ben.userId] });
  const state: ShownEvent[] = (await sync(ben)).rooms.invite[room].invite_state.events;
  const own = state.find((event) => event.state_key === ben.userId);
  assert.equal(own?.content.is_direct, true);
  accepted(await house.act(ada, "leave", room));
  accepted(await house.act(ben, "leave", room));
  accepted(await house.act(ben, "forget", room));
  accepted(await house.act(ada, "forget", room));
  assert.equal((await sync(ben)).rooms?.invite?.[room], undefined);
});

test("nobody invites themselves", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada);
  refused(await house.act(ada, "invite", room, { user_id: ada.userId }), 403, "M_FORBIDDEN");
  refused(await house.act(ben, "invite", room, { user_id: ben.userId }), 403, "M_FORBIDDEN");
});

test("conditions of entry that make no sense let nobody in, and nobody writes the server's own mark", async () => {
  const { ada, ben } = house;
  const hall = await house.make(ada, { preset: "public_chat" });
  const room = await house.make(ada);
  const setRules = async (allow: unknown): Promise<void> =>
    accepted(await house.setState(ada, room, "m.room.join_rules", { join_rule: "restricted", allow }));
  accepted(await house.act(ben, "join", hall));
  for (const allow of ["invalid", ["invalid"], [null, {}, { type: "m.room_membership", room_id: 5 }], {}]) {
    await setRules(allow);
    refused(await house.act(ben, "join", room), 403, "M_FORBIDDEN");
  }
  await setRules([{ type: "org.example.other" }, { type: "m.room_membership", room_id: hall }]);
  accepted(await house.act(ben, "join", room));
  assert.equal((await membership(room, ben)).join_authorised_via_users_server, ada.userId);
  const renamed = { membership: "join", displayname: "B", join_authorised_via_users_server: "unused" };
  accepted(await house.setState(ben, room, "m.room.member", renamed, ben.userId));
  assert.equal((await membership(room, ben)).join_authorised_via_users_server, undefined);
});

test("a knock can be repeated, taken back, turned down and accepted", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, {
    initial_state: [{ type: "m.room.join_rules", content: { join_rule: "knock" } }],
  });
  const knock = (reason?: string) => house.call(ben, "POST", `/knock/${path(room)}`, { reason });
  refused(await house.act(ben, "join", room), 403, "M_FORBIDDEN");
  for (const reason of ["one", "two"]) {
    accepted(await knock(reason));
    const shown: ShownEvent[] = (await sync(ada)).rooms.join[room].timeline.events;
    assert.equal(shown.at(-1).content.reason, reason);
  }
  const since = (await sync(ben)).next_batch;
  accepted(await house.act(ben, "leave", room));
  const left: ShownEvent[] = (await sync(ben, `since=${since}`)).rooms.leave[room].timeline.events;
  assert.deepEqual(
    left.map((event) => [event.sender, event.content.membership]),
    [[ben.userId, "leave"]],
  );
  accepted(await knock());
  accepted(await house.act(ada, "kick", room, { user_id: ben.userId, reason: "not now" }));
  accepted(await knock("please"));
  accepted(await house.act(ada, "invite", room, { user_id: ben.userId }));
  refused(await knock(), 403, "M_FORBIDDEN");
  accepted(await house.act(ben, "join", room));
  refused(await knock(), 403, "M_FORBIDDEN");
  accepted(await house.act(ada, "ban", room, { user_id: ben.userId }));
  refused(await knock(), 403, "M_FORBIDDEN");
});

test("power levels may be emptied, after which nobody may set them, and that is no crash", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  const set = (content: object) => house.setState(ada, room, "m.room.power_levels", content);
  accepted(await set({ users: { [ada.userId]: 100 } }));
  accepted(await set({}));
  refused(await set({ users: {} }), 403, "M_FORBIDDEN");
  const { body } = await house.call(ada, "GET", `/rooms/${path(room)}/state/m.room.power_levels`);
  assert.deepEqual(body, {});
});

test("who stands at the default level may lower the default", async () => {
  const { ada, ben } = house;
  const users = { [ada.userId]: 100, [ben.userId]: 100 };
  const room = await house.make(ada, {
    preset: "public_chat",
    power_level_content_override: { users_default: 100, users, events: {} },
  });
  accepted(await house.act(ben, "join", room));
  const lowered = { users_default: 40, users, events: {}, notifications: {} };
  accepted(await house.setState(ben, room, "m.room.power_levels", lowered));
});

test("what was forgotten can be seen again by whoever is invited again", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { invite: [ben.userId] });
  accepted(await house.act(ben, "join", room));
  const earlier = await house.say(ben, room, "before");
  accepted(await house.act(ben, "leave", room));
  accepted(await house.act(ben, "forget", room));
  refused(await house.call(ben, "GET", `/rooms/${path(room)}/messages?dir=b`), 403, "M_FORBIDDEN");
  accepted(await house.act(ada, "invite", room, { user_id: ben.userId }));
  accepted(await house.act(ben, "join", room));
  const later = await house.say(ben, room, "after");
  const seen = (await house.history(ben, room)).map((event) => event.event_id);
  assert.ok(seen.includes(earlier) && seen.includes(later));
});

test("version 12: creators stand above any number, and what they may not be listed as is a bad request", async () => {
  const { ada, ben, cleo } = house;
  const version = { room_version: "12", preset: "public_chat" };
  const room = await house.make(ada, version);
  accepted(await house.act(ben, "join", room));
  const setLevel = (user: User, level: number) =>
    house.setState(ada, room, "m.room.power_levels", { users: { [user.userId]: level } });
  accepted(await setLevel(ben, Number.MAX_SAFE_INTEGER));
  refused(await house.act(ben, "kick", room, { user_id: ada.userId }), 403, "M_FORBIDDEN");
  refused(await setLevel(ben, Number.MAX_SAFE_INTEGER + 1), 400, "M_BAD_JSON");
  refused(await setLevel(ada, 100), 400, "M_BAD_JSON");
  accepted(await house.act(ada, "kick", room, { user_id: ben.userId }));

  const create = (more: object) => house.call(ada, "POST", "/createRoom", { ...version, ...more });
  const override = (user: User) => ({ power_level_content_override: { users: { [user.userId]: 100 } } });
  accepted(await create(override(ben)));
  refused(await create(override(ada)), 400, "M_BAD_JSON");
  for (const additional_creators of ["x", [5], [cleo.userId, "cleo"], ["@cleo:no$such.example"]]) {
    refused(await create({ creation_content: { additional_creators } }), 400, "M_BAD_JSON");
  }
  // Before version 12 the same key is only content.
  accepted(await create({ room_version: "11", creation_content: { additional_creators: "x" } }));
  const shared = (await create({ creation_content: { additional_creators: [cleo.userId] } })).body.room_id;
  accepted(await house.act(cleo, "join", shared));
  refused(await house.act(ada, "kick", shared, { user_id: cleo.userId }), 403, "M_FORBIDDEN");
  accepted(await house.setState(cleo, shared, "m.room.name", { name: "Cleo's" }));
});

test("a room has one create event, which bears the room's id wherever it is shown", async () => {
  const { ada, ben } = house;
  for (const room_version of ["10", "11", "12"]) {
    const room = await house.make(ada, { room_version });
    refused(await house.setState(ada, room, "m.room.create", { room_version, again: 1 }), 400, "M_BAD_JSON");
    refused(await house.setState(ben, room, "m.room.create", { room_version }), 403, "M_FORBIDDEN");
    const at = `/rooms/${path(room)}`;
    const get = async (rest: string): Promise<ShownEvent> =>
      (await house.call(ada, "GET", `${at}${rest}`)).body;
    const [first] = await house.history(ada, room);
    const message = await house.say(ada, room, "hello");
    const isCreate = (event: ShownEvent): boolean => event.type === "m.room.create";
    const around = await get(`/context/${path(message)}?limit=50`);
    for (const shown of [
      first,
      (await get("/state")).find(isCreate),
      await get(`/event/${path(first.event_id)}`),
      (await get(`/context/${path(first.event_id)}`)).event,
      around.events_before.find(isCreate),
      around.state.find(isCreate),
      await get("/state/m.room.create/?format=event"),
    ]) {
      assert.deepEqual([shown?.event_id, shown?.room_id], [first.event_id, room]);
    }
  }
});
