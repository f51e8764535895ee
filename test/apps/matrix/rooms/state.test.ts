import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused, type ShownEvent } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const nameIn = (state: ShownEvent[]) => state.find((event) => event.type === "m.room.name").content.name;
const members = (chunk: ShownEvent[]) =>
  chunk.map((event) => `${event.state_key.slice(1, 4)} ${event.content.membership}`).toSorted();

test("state with an empty key is set and read with the slash and without it", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  const base = `/rooms/${path(room)}/state/m.room.name`;
  for (const [index, suffix] of ["", "/"].entries()) {
    accepted(await house.call(ada, "PUT", base + suffix, { name: `n${index}` }));
    for (const each of ["", "/"]) {
      assert.deepEqual((await house.call(ada, "GET", base + each)).body, { name: `n${index}` });
    }
  }
  const whole = (await house.call(ada, "GET", `${base}?format=event`)).body;
  assert.deepEqual([whole.type, whole.state_key, whole.content], ["m.room.name", "", { name: "n1" }]);
  assert.deepEqual([whole.unsigned.prev_content, whole.room_id], [{ name: "n0" }, room]);
  refused(await house.call(ada, "GET", `${base}?format=xml`), 400, "M_INVALID_PARAM");
  refused(await house.call(ada, "GET", `${base}/other`), 404, "M_NOT_FOUND");
});

test("keys may hold anything that a path can carry", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  for (const key of ["a/b", "a b", "ä", "%2F", "?#", "constructor", "__proto__"]) {
    const reply = await house.setState(ada, room, "org.example.t", { key }, key);
    accepted(reply);
    const read = await house.call(ada, "GET", `/rooms/${path(room)}/state/org.example.t/${path(key)}`);
    assert.deepEqual(read.body, { key });
  }
});

test("the same content again is the same event, from whoever set it", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "trusted_private_chat", invite: [ben.userId] });
  accepted(await house.act(ben, "join", room));
  const set = async (user = ada, content: object = { topic: "t", b: 1 }): Promise<string> =>
    (await house.setState(user, room, "m.room.topic", content)).body.event_id;
  const first = await set();
  assert.equal(await set(ada, { b: 1, topic: "t" }), first);
  assert.notEqual(await set(ben), first);
  assert.notEqual(await set(ada, { topic: "u" }), first);
  // No answer for somebody who has left, not even the old one.
  const last = await set();
  assert.ok(last);
  accepted(await house.act(ada, "leave", room));
  refused(await house.setState(ada, room, "m.room.topic", { topic: "t", b: 1 }), 403, "M_FORBIDDEN");
});

test("power levels decide who sets what, and compare the old values with the new ones", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", room));
  refused(await house.setState(ben, room, "m.room.name", { name: "mine" }), 403, "M_FORBIDDEN");
  const levels = (await house.call(ada, "GET", `/rooms/${path(room)}/state/m.room.power_levels`)).body;
  const put = (user: typeof ada, change: object) =>
    house.setState(user, room, "m.room.power_levels", { ...levels, ...change });
  refused(await put(ben, { users: { [ben.userId]: 100 } }), 403, "M_FORBIDDEN");
  const shared = { [ada.userId]: 100, [ben.userId]: 50 };
  accepted(await put(ada, { users: shared, events: { "m.room.power_levels": 50 } }));
  // Half-way up, Ben may not reach above himself, nor at what stands above him, nor take it away.
  for (const change of [
    { users: { ...shared, [ben.userId]: 51 } },
    { users: { [ben.userId]: 50 } },
    { users: { ...shared, [ada.userId]: 50 } },
    { users: shared, events: {}, ban: 100 },
  ]) {
    refused(await put(ben, { events: { "m.room.power_levels": 50 }, ...change }), 403, "M_FORBIDDEN");
  }
  for (const change of [{ ban: "50" }, { ban: 0.5 }, { users: { [ada.userId]: 2 ** 53 } }, { users: [] }]) {
    refused(await put(ada, change), 400, "M_BAD_JSON");
  }
  // A key that is somebody's name is theirs.
  refused(await house.setState(ada, room, "org.example.t", {}, ben.userId), 403, "M_FORBIDDEN");
});

test("members see the present, former members what was when they left, others nothing", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat", name: "before" });
  accepted(await house.act(ben, "join", room));
  accepted(await house.act(ben, "leave", room));
  accepted(await house.setState(ada, room, "m.room.name", { name: "after" }));
  accepted(await house.act(cleo, "join", room));
  const get = (user: typeof ada, rest: string) => house.call(user, "GET", `/rooms/${path(room)}/${rest}`);

  assert.equal(nameIn((await get(ada, "state")).body), "after");
  assert.equal(nameIn((await get(ben, "state")).body), "before");
  assert.equal((await get(ben, "state/m.room.name")).body.name, "before");
  assert.deepEqual(members((await get(ada, "members")).body.chunk), ["ada join", "ben leave", "cle join"]);
  assert.deepEqual(members((await get(ben, "members")).body.chunk), ["ada join", "ben leave"]);
  assert.deepEqual((await get(ada, "joined_members")).body.joined, {
    [ada.userId]: { display_name: "ada", avatar_url: null },
    [cleo.userId]: { display_name: "cleo", avatar_url: null },
  });
  refused(await get(ben, "joined_members"), 403, "M_FORBIDDEN");

  const other = await house.make(ada);
  for (const rest of [
    "state",
    "state/m.room.name",
    "members",
    "joined_members",
    "messages?dir=b",
    "aliases",
  ]) {
    refused(await house.call(ben, "GET", `/rooms/${path(other)}/${rest}`), 403, "M_FORBIDDEN");
    refused(
      await house.call(ben, "GET", `/rooms/${path("!no:burrow.localhost")}/${rest}`),
      403,
      "M_FORBIDDEN",
    );
  }
});

test("members can be asked for by membership, and as of a point in time", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  const then = (await house.call(ada, "GET", `/rooms/${path(room)}/messages?dir=b&limit=1`)).body.start;
  accepted(await house.act(ben, "join", room));
  accepted(await house.act(ada, "invite", room, { user_id: cleo.userId }));
  accepted(await house.act(ben, "leave", room));
  const get = async (query: string): Promise<string[]> => {
    const reply = await house.call(ada, "GET", `/rooms/${path(room)}/members?${query}`);
    accepted(reply);
    return reply.body.chunk.map((event: ShownEvent) => event.state_key.slice(1, 4)).toSorted();
  };
  assert.deepEqual(await get("membership=join"), ["ada"]);
  assert.deepEqual(await get("not_membership=leave"), ["ada", "cle"]);
  assert.deepEqual(await get("membership=leave&not_membership=invite"), ["ada", "ben"]);
  assert.deepEqual(await get(`at=${then}`), ["ada"]);
  // Where a timeline with the whole room began.
  assert.deepEqual(await get("at=s0"), ["ada"]);
  for (const query of ["membership=guest", "not_membership=x", "at=yesterday"]) {
    refused(await house.call(ada, "GET", `/rooms/${path(room)}/members?${query}`), 400, "M_INVALID_PARAM");
  }
});
