import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, type User } from "../fixture.ts";
import { makeRoom } from "./rooms.ts";

let fixture: Fixture;
let ada: User;
let ben: User;
let roomId: string;
before(async () => {
  fixture = await createFixture();
  ada = await fixture.user("ada");
  ben = await fixture.user("ben");
  roomId = await makeRoom(fixture, ada, ben);
});
after(() => fixture.close());

const globalPath = (user: User, type: string): string =>
  `/v3/user/${encodeURIComponent(user.userId)}/account_data/${type}`;
const roomPath = (user: User, room: string, type: string): string =>
  `/v3/user/${encodeURIComponent(user.userId)}/rooms/${encodeURIComponent(room)}/account_data/${type}`;

test("account data comes back as it was put, globally and by room", async () => {
  const { token } = ada;
  const mine = { theme: "dark", ratio: 0.5, nested: [1, { deep: null }] };
  assert.equal(
    (await fixture.request("PUT", globalPath(ada, "org.example.a"), { token, body: mine })).status,
    200,
  );
  assert.equal(
    (await fixture.request("PUT", roomPath(ada, roomId, "org.example.a"), { token, body: { colour: 1 } }))
      .status,
    200,
  );
  assert.deepEqual((await fixture.request("GET", globalPath(ada, "org.example.a"), { token })).body, mine);
  assert.deepEqual((await fixture.request("GET", roomPath(ada, roomId, "org.example.a"), { token })).body, {
    colour: 1,
  });
  const missing = await fixture.request("GET", globalPath(ada, "org.example.none"), { token });
  assert.equal(missing.status, 404);
  assert.equal(missing.body.errcode, "M_NOT_FOUND");
});

test("another member's account data can neither be read nor written", async () => {
  for (const path of [globalPath(ada, "org.example.a"), roomPath(ada, roomId, "org.example.a")]) {
    for (const method of ["GET", "PUT"]) {
      const options = { token: ben.token, ...(method === "PUT" && { body: { stolen: true } }) };
      const reply = await fixture.request(method, path, options);
      assert.equal(reply.status, 403);
      assert.equal(reply.body.errcode, "M_FORBIDDEN");
    }
  }
});

test("what the server keeps itself cannot be set through account data", async () => {
  for (const type of ["m.fully_read", "m.push_rules"]) {
    for (const path of [globalPath(ada, type), roomPath(ada, roomId, type)]) {
      const reply = await fixture.request("PUT", path, { token: ada.token, body: { event_id: "$x" } });
      assert.equal(reply.status, 405);
      assert.equal(reply.body.errcode, "M_BAD_JSON");
    }
  }
});

test("the push rules are read as the clients know them", async () => {
  const { body } = await fixture.request("GET", globalPath(ada, "m.push_rules"), { token: ada.token });
  assert.equal(body.global.override[0].rule_id, ".m.rule.master");
});

test("bodies and room ids of the wrong form are refused", async () => {
  const { token } = ada;
  const put = (path: string, body: unknown) => fixture.request("PUT", path, { token, body });
  assert.equal((await put(globalPath(ada, "org.example.b"), "[1]")).body.errcode, "M_BAD_JSON");
  assert.equal((await put(globalPath(ada, "org.example.b"), "{")).body.errcode, "M_NOT_JSON");
  const noRoomId = await put(roomPath(ada, "room", "org.example.b"), {});
  assert.equal(noRoomId.status, 400);
  assert.equal(noRoomId.body.errcode, "M_INVALID_PARAM");
  assert.equal((await put(roomPath(ada, "!none:burrow.localhost", "org.example.b"), {})).status, 404);
  assert.equal((await fixture.request("GET", globalPath(ada, "org.example.b"), { token })).status, 404);
});

test("a change wakes the user's own devices and is listed once, from the position on", async () => {
  const { matrix } = fixture;
  await fixture.request("PUT", roomPath(ada, roomId, "org.example.c"), { token: ada.token, body: { n: 1 } });
  const position = matrix.stream.current();
  const wait = matrix.waiters.wait(ada.userId, 60_000);
  await fixture.request("PUT", roomPath(ada, roomId, "org.example.c"), { token: ada.token, body: { n: 2 } });
  assert.equal(await wait.woken, true);
  const changes = matrix.accountData.changesSince(ada.userId, position, matrix.stream.current());
  assert.deepEqual(
    changes.map(({ type, content }) => ({ type, content })),
    [{ type: "org.example.c", content: { n: 2 } }],
  );
  assert.equal(changes[0]?.room, matrix.rooms.get(roomId)?.nid);
  assert.deepEqual(matrix.accountData.changesSince(ben.userId, position, matrix.stream.current()), []);
});

test("what was taken away is gone, and told once to those who may hold it", async () => {
  const { token } = ada;
  const unstable = (path: string): string =>
    path.replace("/v3/", "/_matrix/client/unstable/org.matrix.msc3391/");
  const sync = async (since?: string) =>
    (await fixture.request("GET", `/v3/sync${since ? `?since=${since}` : ""}`, { token })).body;
  // oxlint-disable-next-line no-explicit-any -- as the server says it
  const shown = (body: any): object[] =>
    [...(body.account_data?.events ?? []), ...(body.rooms?.join?.[roomId]?.account_data.events ?? [])].filter(
      ({ type }) => type === "org.example.gone",
    );
  const empty = { type: "org.example.gone", content: {} };
  for (const path of [globalPath(ada, "org.example.gone"), roomPath(ada, roomId, "org.example.gone")]) {
    for (const take of [
      () => fixture.request("DELETE", unstable(path), { token }),
      () => fixture.request("PUT", path, { token, body: {} }),
    ]) {
      await fixture.request("PUT", path, { token, body: { n: 1 } });
      const { next_batch: since } = await sync();
      assert.equal((await take()).status, 200);
      assert.equal((await fixture.request("GET", path, { token })).body.errcode, "M_NOT_FOUND");
      const changed = await sync(since);
      assert.deepEqual(shown(changed), [empty]);
      assert.deepEqual(shown(await sync(changed.next_batch)), []);
      assert.deepEqual(shown(await sync()), []);
      const { so } = fixture.matrix.accountData.changesSince(ada.userId, 0, Number.MAX_SAFE_INTEGER).at(-1)!;
      await fixture.request("DELETE", unstable(path), { token });
      assert.equal(fixture.matrix.stream.current(), so, "to take it away again is no news");
    }
  }
  const pushRules = unstable(globalPath(ada, "m.push_rules"));
  assert.equal((await fixture.request("DELETE", pushRules, { token })).status, 405);
  const others = await fixture.request("DELETE", unstable(globalPath(ada, "x")), { token: ben.token });
  assert.equal(others.status, 403);
});

test("the ignored list follows each change, survives odd content, and forgets a write that was undone", async () => {
  const { accountData, database } = fixture.matrix;
  const path = globalPath(ada, "m.ignored_user_list");
  const put = (body: object) => fixture.request("PUT", path, { token: ada.token, body });
  await put({ ignored_users: { [ben.userId]: {} } });
  assert.deepEqual([...accountData.ignored(ada.userId)], [ben.userId]);
  const undone = database.write((transaction) => {
    accountData.set(transaction, ada.userId, 0, "m.ignored_user_list", { ignored_users: {} });
    assert.equal(accountData.ignored(ada.userId).size, 0);
    throw new Error("undo");
  });
  await assert.rejects(undone, /undo/);
  assert.deepEqual([...accountData.ignored(ada.userId)], [ben.userId]);
  await put({ ignored_users: "everyone" });
  assert.equal(accountData.ignored(ada.userId).size, 0);
  assert.equal(accountData.ignored(ben.userId).size, 0);
});

test("tags are set and removed one at a time, with fractional orders", async () => {
  const { token } = ada;
  const path = `/v3/user/${encodeURIComponent(ada.userId)}/rooms/${encodeURIComponent(roomId)}/tags`;
  const put = (tag: string, body: unknown) => fixture.request("PUT", `${path}/${tag}`, { token, body });
  assert.equal((await put("m.favourite", { order: 0.1 })).status, 200);
  assert.equal((await put("u.Work", {})).status, 200);
  assert.equal((await put("u.Bad", { order: "first" })).status, 400);
  assert.deepEqual((await fixture.request("GET", path, { token })).body, {
    tags: { "m.favourite": { order: 0.1 }, "u.Work": {} },
  });
  assert.equal((await fixture.request("DELETE", `${path}/m.favourite`, { token })).status, 200);
  assert.equal((await fixture.request("DELETE", `${path}/toString`, { token })).status, 200);
  assert.deepEqual((await fixture.request("GET", path, { token })).body, { tags: { "u.Work": {} } });
  assert.deepEqual((await fixture.request("GET", roomPath(ada, roomId, "m.tag"), { token })).body, {
    tags: { "u.Work": {} },
  });
  assert.equal((await fixture.request("GET", path, { token: ben.token })).status, 403);
});
