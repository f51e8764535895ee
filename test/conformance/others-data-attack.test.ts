import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type House, openHouse, path } from "../apps/matrix/rooms/house.ts";
import type { Operation } from "./plausible-request.ts";
import { walk, worldOf } from "./walk.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

test("nothing of another member's can be read or changed under their id, but the profile and the presence read", async () => {
  const { fixture, ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  await house.act(ben, "join", room);
  const event = await house.say(ada, room, "hello");
  const own = `/user/${path(ada.userId)}`;
  await house.call(ada, "PUT", `${own}/account_data/org.example.data`, { x: "hers" });
  await house.call(ada, "PUT", `${own}/rooms/${path(room)}/account_data/org.example.data`, { x: "hers" });
  await house.call(ada, "POST", `${own}/filter`, { room: { timeline: { limit: 7 } } });
  const position = fixture.matrix.stream.current();

  const only = ({ path: pattern }: Operation): boolean => pattern.includes(":userId");
  for (const spelling of [ada.userId, "@ADA:burrow.localhost", "@ada:burrow.localhost ", "ada", "@ada"]) {
    const parameters = { userId: path(spelling) };
    const world = worldOf(ben, ada, room, event);
    const visits = await walk(fixture, { world, token: ben.token, only, parameters });
    assert.ok(visits.length > 10);
    for (const { operation, what, reply } of visits) {
      // They share a room, so the one sees whether the other is there.
      const reads = operation.method === "GET" && /\/(?:profile|presence)\//.test(operation.path);
      const reports = operation.path.endsWith("/report");
      if ((reads || reports) && spelling === ada.userId) continue;
      assert.ok(reply.status === 403 || reply.status === 404, what);
      assert.ok(!JSON.stringify(reply.body).includes("hers"), what);
    }
  }
  assert.equal(fixture.matrix.stream.current(), position);
});

test("another member's device cannot be seen, renamed or ended, nor keys be put under its name", async () => {
  const { fixture, ada, ben } = house;
  const only = ({ path: pattern }: Operation): boolean => pattern.includes(":deviceId");
  const parameters = { deviceId: ada.deviceId };
  for (const { what, reply } of await walk(fixture, {
    world: worldOf(ben, ada, "!x", "$x"),
    token: ben.token,
    only,
    parameters,
  })) {
    assert.ok(reply.status >= 400, what);
  }
  const auth = {
    type: "m.login.password",
    identifier: { type: "m.id.user", user: "ben" },
    password: "violet anchor ninety canoes",
  };
  // Even with one's own password: only one's own devices are meant.
  await house.call(ben, "DELETE", `/devices/${ada.deviceId}`, { auth });
  await house.call(ben, "POST", "/delete_devices", { devices: [ada.deviceId], auth });
  assert.equal((await house.call(ada, "GET", "/account/whoami")).status, 200);

  const keys = (userId: string, deviceId: string) => ({
    device_keys: { user_id: userId, device_id: deviceId, algorithms: [], keys: {}, signatures: {} },
  });
  for (const [userId, deviceId] of [
    [ada.userId, ada.deviceId],
    [ben.userId, ada.deviceId],
    [ada.userId, ben.deviceId],
  ] as const) {
    assert.equal((await house.call(ben, "POST", "/keys/upload", keys(userId, deviceId))).status, 400);
  }
  const asked = { device_keys: { [ada.userId]: [], [ben.userId]: [] } };
  assert.deepEqual((await house.call(ben, "POST", "/keys/query", asked)).body.device_keys, {
    [ada.userId]: {},
    [ben.userId]: {},
  });
});

test("one's password confirms only what one does oneself", async () => {
  const { ben } = house;
  for (const identifier of [
    { type: "m.id.user", user: "ada" },
    { type: "m.id.user", user: "@ada:burrow.localhost" },
    { type: "m.id.user", user: "@ben:example.org" },
  ]) {
    const auth = { type: "m.login.password", identifier, password: "violet anchor ninety canoes" };
    const reply = await house.call(ben, "DELETE", `/devices/${ben.deviceId}`, { auth });
    assert.equal(reply.body.errcode, "M_FORBIDDEN");
  }
  assert.equal((await house.call(ben, "GET", "/account/whoami")).status, 200);
});

test("an id in another spelling is another person, and there is none", async () => {
  const { fixture, ada, ben } = house;
  const room = await house.make(ada);
  for (const spelling of ["@BEN:burrow.localhost", "@ben :burrow.localhost", "@\uff42en:burrow.localhost"]) {
    const invited = await house.act(ada, "invite", room, { user_id: spelling });
    assert.equal(invited.status, 404, spelling);
    assert.equal((await house.call(ada, "POST", "/createRoom", { invite: [spelling] })).status, 404);
    assert.equal((await house.call(ada, "GET", `/profile/${path(spelling)}`)).status, 404);
    const messages = { [spelling]: { "*": { x: 1 } } };
    const position = fixture.matrix.stream.current();
    const sent = await house.call(ada, "PUT", `/sendToDevice/m.x/${path(spelling)}`, { messages });
    assert.equal(sent.status, 200);
    assert.equal(fixture.matrix.stream.current(), position, "nothing is kept for nobody");
  }
  assert.equal((await house.act(ada, "invite", room, { user_id: ben.userId })).status, 200);
});

test("what a member stores for themselves is bounded", async () => {
  const { ada } = house;
  const own = `/user/${path(ada.userId)}`;
  const room = await house.make(ada);
  const large = { x: "x".repeat(270_000) };
  const names = Array.from({ length: 1001 }, (_, at) => `@u${at}:burrow.localhost`);
  const keys = Object.fromEntries(names.map((_, at) => [`a:${at}`, "k"]));
  for (const [method, where, body, status] of [
    ["PUT", `${own}/account_data/org.example.x`, large, 413],
    ["PUT", `${own}/rooms/${path(room)}/account_data/org.example.x`, large, 413],
    ["PUT", `${own}/rooms/${path(room)}/tags/u.x`, large, 413],
    ["POST", `${own}/filter`, large, 413],
    ["POST", `${own}/filter`, { event_fields: names }, 400],
    ["POST", "/keys/query", { device_keys: Object.fromEntries(names.map((name) => [name, []])) }, 400],
    ["POST", "/keys/upload", { one_time_keys: keys }, 400],
  ] as const) {
    const reply = await house.call(ada, method, where, body);
    assert.equal(reply.status, status, `${method} ${where} ${JSON.stringify(reply.body)}`);
  }
});
