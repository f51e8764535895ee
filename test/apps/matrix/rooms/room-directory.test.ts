import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse({ roomDirectory: "members" })));
after(() => house.fixture.close());

const listing = (room: string) => `/directory/list/room/${path(room)}`;
const publish = (user: House["ada"], room: string, visibility: string) =>
  house.call(user, "PUT", listing(room), { visibility });
const search = (body: object) => house.call(house.ben, "POST", "/publicRooms", body);
const names = (reply: { body: { chunk: { name: string }[] } }) => reply.body.chunk.map(({ name }) => name);

/** Each test finds its own rooms by the term. */
const find = (term: string, rest: object = {}) => search({ filter: { generic_search_term: term }, ...rest });

test("a published room is there for every member, with what helps to choose it", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, {
    visibility: "public",
    room_alias_name: "orchard",
    name: "Orchard",
    topic: "Apples and pears",
  });
  const entry = {
    room_id: room,
    name: "Orchard",
    topic: "Apples and pears",
    canonical_alias: "#orchard:burrow.localhost",
    join_rule: "public",
    num_joined_members: 1,
    world_readable: false,
    guest_can_join: false,
  };
  for (const term of ["ORCH", "pears", "#orchard:"]) assert.deepEqual((await find(term)).body.chunk, [entry]);
  assert.equal((await find("plums")).body.total_room_count_estimate, 0);
  const all = await house.call(ben, "GET", "/publicRooms");
  assert.deepEqual(
    all.body.chunk.filter((one: { room_id: string }) => one.room_id === room),
    [entry],
  );
  assert.deepEqual((await house.call(ben, "GET", listing(room))).body, { visibility: "public" });
  // The visibility chose the preset.
  accepted(await house.act(ben, "join", room));
  assert.equal((await find("orchard")).body.chunk[0].num_joined_members, 2);

  accepted(await publish(ada, room, "private"));
  assert.deepEqual((await find("orchard")).body.chunk, []);
  assert.deepEqual((await house.call(ben, "GET", listing(room))).body, { visibility: "private" });
});

test("without an account nothing is told, and other servers are none of ours", async () => {
  const listed = await house.make(house.ada, { visibility: "public" });
  for (const room of [listed, "!nothing:burrow.localhost"]) {
    const reply = await house.fixture.request("GET", `/v3${listing(room)}`);
    assert.deepEqual([reply.status, reply.body], [200, { visibility: "private" }]);
  }
  accepted(await publish(house.ada, listed, "private"));
  for (const method of ["GET", "POST"]) {
    refused(await house.fixture.request(method, "/v3/publicRooms"), 401, "M_MISSING_TOKEN");
  }
  const elsewhere = "/publicRooms?server=example.org";
  refused(await house.call(house.ada, "GET", elsewhere), 404, "M_NOT_FOUND");
  accepted(await house.call(house.ada, "GET", "/publicRooms?server=burrow.localhost"));
});

test("only who may name a room lists it, and a room that everybody left is listed no more", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat", name: "Cellar" });
  accepted(await house.act(ben, "join", room));
  refused(await publish(ben, room, "public"), 403, "M_FORBIDDEN");
  refused(await publish(house.cleo, room, "public"), 403, "M_FORBIDDEN");
  refused(await publish(ada, room, "secret"), 400, "M_BAD_JSON");
  refused(await publish(ada, "!none:burrow.localhost", "public"), 404, "M_NOT_FOUND");
  accepted(await publish(ada, room, "public"));
  accepted(await publish(ada, room, "public"));
  refused(await publish(ben, room, "private"), 403, "M_FORBIDDEN");
  assert.equal((await find("cellar")).body.chunk.length, 1);
  accepted(await house.act(ada, "leave", room));
  accepted(await house.act(ben, "leave", room));
  assert.deepEqual((await find("cellar")).body.chunk, []);
});

test("pages run from the largest to the smallest, forth and back, whatever changes meanwhile", async () => {
  const { ada, ben } = house;
  const rooms: string[] = [];
  for (const name of ["step one", "step two", "step three", "step four", "step five"]) {
    rooms.push(await house.make(ada, { visibility: "public", name }));
  }
  accepted(await house.act(ben, "join", rooms[3]!));
  const first = await find("step", { limit: 2 });
  assert.deepEqual(names(first), ["step four", "step one"]);
  assert.equal(first.body.total_room_count_estimate, 5);
  assert.equal(first.body.prev_batch, undefined);
  // What was shown already goes: the next page misses nothing.
  accepted(await publish(ada, rooms[0]!, "private"));
  const second = await find("step", { limit: 2, since: first.body.next_batch });
  assert.deepEqual(names(second), ["step two", "step three"]);
  const third = await find("step", { limit: 2, since: second.body.next_batch });
  assert.deepEqual(names(third), ["step five"]);
  assert.equal(third.body.next_batch, undefined);
  const back = await find("step", { limit: 2, since: third.body.prev_batch });
  assert.deepEqual(names(back), ["step two", "step three"]);
  const start = await find("step", { limit: 2, since: back.body.prev_batch });
  assert.deepEqual(names(start), ["step four"]);
  assert.equal(start.body.prev_batch, undefined);
  for (const since of ["x", "f1", "b1_x"]) refused(await find("step", { since }), 400, "M_INVALID_PARAM");
  refused(await find("step", { limit: -1 }), 400, "M_BAD_JSON");
});

test("spaces are told from rooms by their type", async () => {
  const creation_content = { type: "m.space" };
  await house.make(house.ada, { visibility: "public", name: "typed space", creation_content });
  await house.make(house.ada, { visibility: "public", name: "typed room" });
  const ofTypes = (room_types: unknown) => search({ filter: { generic_search_term: "typed", room_types } });
  assert.deepEqual(names(await ofTypes(["m.space"])), ["typed space"]);
  assert.deepEqual(names(await ofTypes([null])), ["typed room"]);
  assert.equal(names(await ofTypes(["m.space", null])).length, 2);
  refused(await ofTypes([1]), 400, "M_BAD_JSON");
});

test("it is there after a restart, and a room that is refused is not in it", async () => {
  const { ada } = house;
  const request = { visibility: "public", room_alias_name: "kept", name: "Kept" };
  await house.make(ada, request);
  refused(await house.call(ada, "POST", "/createRoom", request), 400, "M_ROOM_IN_USE");
  await house.fixture.restart();
  assert.equal((await find("kept")).body.chunk.length, 1);
});
