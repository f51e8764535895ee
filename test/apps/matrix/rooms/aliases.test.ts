import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const directory = (user: House["ada"], method: string, alias: string, body?: object) =>
  house.call(user, method, `/directory/room/${path(alias)}`, body);
const canonical = async (room: string) =>
  (await house.call(house.ada, "GET", `/rooms/${path(room)}/state/m.room.canonical_alias`)).body;

test("an alias leads to its room, by any spelling that a path can carry", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  for (const alias of [
    "#plain:burrow.localhost",
    "#sl/ash:burrow.localhost",
    "#münchen#1:burrow.localhost",
  ]) {
    refused(await directory(ben, "GET", alias), 404, "M_NOT_FOUND");
    accepted(await directory(ada, "PUT", alias, { room_id: room }));
    assert.deepEqual((await directory(ben, "GET", alias)).body, {
      room_id: room,
      servers: ["burrow.localhost"],
    });
    assert.deepEqual((await house.call(ben, "POST", `/join/${path(alias)}`, {})).body, { room_id: room });
  }
  const list = () => house.call(ben, "GET", `/rooms/${path(room)}/aliases`);
  assert.equal((await list()).body.aliases.length, 3);
  accepted(await house.act(ben, "leave", room));
  refused(await list(), 403, "M_FORBIDDEN");
  // Without an account nothing is told.
  const anonymous = async (alias: string) => {
    const reply = await house.fixture.request("GET", `/v3/directory/room/${path(alias)}`);
    return [reply.status, reply.body.errcode, reply.body.error.replace(alias, "")];
  };
  const plain = await anonymous("#plain:burrow.localhost");
  assert.deepEqual(plain.slice(0, 2), [404, "M_NOT_FOUND"]);
  assert.deepEqual(plain, await anonymous("#nothing:burrow.localhost"));
  assert.equal((await anonymous("plain"))[0], 400);
  const stale = { token: "not a token" };
  const alias = `/v3/directory/room/${path("#plain:burrow.localhost")}`;
  refused(await house.fixture.request("GET", alias, stale), 401, "M_UNKNOWN_TOKEN");
});

test("only members name a room, with names of this server, each once", async () => {
  const { ada, ben } = house;
  const [room, other] = [await house.make(ada), await house.make(ada)];
  refused(await directory(ben, "PUT", "#mine:burrow.localhost", { room_id: room }), 403, "M_FORBIDDEN");
  refused(
    await directory(ada, "PUT", "#a:burrow.localhost", { room_id: "!no:burrow.localhost" }),
    403,
    "M_FORBIDDEN",
  );
  refused(await directory(ada, "PUT", "#a:burrow.localhost", {}), 400, "M_MISSING_PARAM");
  for (const alias of ["#a:example.org", "nothing", "#:burrow.localhost", "#a b:burrow.localhost", "#a"]) {
    refused(await directory(ada, "PUT", alias, { room_id: room }), 400, "M_INVALID_PARAM");
  }
  accepted(await directory(ada, "PUT", "#taken:burrow.localhost", { room_id: room }));
  refused(await directory(ada, "PUT", "#taken:burrow.localhost", { room_id: other }), 409, "M_UNKNOWN");
});

test("the main address must be one of the room's own", async () => {
  const { ada } = house;
  const [room, other] = [await house.make(ada), await house.make(ada)];
  accepted(await directory(ada, "PUT", "#one:burrow.localhost", { room_id: room }));
  accepted(await directory(ada, "PUT", "#two:burrow.localhost", { room_id: other }));
  const put = (content: object) => house.setState(ada, room, "m.room.canonical_alias", content);
  refused(await put({ alias: "#none:burrow.localhost" }), 400, "M_BAD_ALIAS");
  refused(await put({ alias: "#two:burrow.localhost" }), 400, "M_BAD_ALIAS");
  refused(
    await put({ alias: "#one:burrow.localhost", alt_aliases: ["#two:burrow.localhost"] }),
    400,
    "M_BAD_ALIAS",
  );
  refused(await put({ alt_aliases: ["two"] }), 400, "M_INVALID_PARAM");
  refused(await put({ alias: 1 }), 400, "M_BAD_JSON");
  accepted(await put({ alias: "#one:burrow.localhost" }));
  // What stands there already is not asked again, also when the alias is gone.
  house.fixture.matrix.database.prepare("DELETE FROM aliases WHERE alias = '#one:burrow.localhost'").run();
  accepted(await put({ alias: "#one:burrow.localhost", alt_aliases: [] }));
  accepted(await put({}));
});

test("an alias is removed by its maker or by who may set the main address, and leaves that with it", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  for (const user of [ben, cleo]) accepted(await house.act(user, "join", room));
  for (const [user, alias] of [
    [ada, "#ada:burrow.localhost"],
    [ben, "#ben:burrow.localhost"],
    [ben, "#ben2:burrow.localhost"],
  ] as const) {
    accepted(await directory(user, "PUT", alias, { room_id: room }));
  }
  refused(await directory(cleo, "DELETE", "#ben:burrow.localhost"), 403, "M_FORBIDDEN");
  refused(await directory(ben, "DELETE", "#ada:burrow.localhost"), 403, "M_FORBIDDEN");
  refused(await directory(ben, "DELETE", "#none:burrow.localhost"), 404, "M_NOT_FOUND");
  const aliases = {
    alias: "#ada:burrow.localhost",
    alt_aliases: ["#ben:burrow.localhost", "#ben2:burrow.localhost"],
  };
  accepted(await house.setState(ada, room, "m.room.canonical_alias", aliases));

  // Its maker may, though they cannot change the room's state.
  accepted(await directory(ben, "DELETE", "#ben:burrow.localhost"));
  assert.deepEqual(await canonical(room), aliases);
  accepted(await directory(ada, "DELETE", "#ben2:burrow.localhost"));
  assert.deepEqual(await canonical(room), { ...aliases, alt_aliases: ["#ben:burrow.localhost"] });
  accepted(await directory(ada, "DELETE", "#ada:burrow.localhost"));
  assert.deepEqual(await canonical(room), { alt_aliases: ["#ben:burrow.localhost"] });
  refused(await directory(ada, "GET", "#ada:burrow.localhost"), 404, "M_NOT_FOUND");
});

test("the published directory is closed", async () => {
  const { ada } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  for (const method of ["GET", "POST"]) {
    const reply = await house.call(ada, method, "/publicRooms", method === "POST" ? { limit: 5 } : undefined);
    assert.deepEqual(reply.body, { chunk: [], total_room_count_estimate: 0 });
    refused(await house.fixture.request(method, "/v3/publicRooms"), 401, "M_MISSING_TOKEN");
  }
  const listing = `/directory/list/room/${path(room)}`;
  assert.deepEqual((await house.call(ada, "GET", listing)).body, { visibility: "private" });
  refused(await house.call(ada, "PUT", listing, { visibility: "public" }), 403, "M_FORBIDDEN");
  refused(await house.call(ada, "PUT", listing, {}), 403, "M_FORBIDDEN");
  accepted(await house.call(ada, "PUT", listing, { visibility: "private" }));
  refused(
    await house.call(ada, "GET", `/directory/list/room/${path("!no:example.org")}`),
    404,
    "M_NOT_FOUND",
  );
});
