import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { RoomEvent } from "../../../../origin/apps/matrix/events/event.ts";
import { stateOf } from "../../../../origin/apps/matrix/rooms/room.ts";
import { createFixture, type Fixture, type User } from "../fixture.ts";
import { makeRoom, roomOf, setMembership } from "./rooms.ts";

let fixture: Fixture;
let ada: User;
let ben: User;
before(async () => {
  fixture = await createFixture();
  ada = await fixture.user("ada");
  ben = await fixture.user("ben");
});
after(() => fixture.close());

const profile = (user: User, field = ""): string =>
  `/v3/profile/${encodeURIComponent(user.userId)}${field && `/${field}`}`;
const get = (user: User, field?: string) =>
  fixture.request("GET", profile(user, field), { token: ben.token });
const put = (user: User, field: string, value: unknown) =>
  fixture.request("PUT", profile(user, field), { token: user.token, body: { [field]: value } });
const memberEvent = (roomId: string, user: User): RoomEvent | undefined =>
  stateOf(roomOf(fixture, roomId), "m.room.member", user.userId);

test("a new member is called by the localpart; strangers have no profile", async () => {
  assert.deepEqual((await get(ada)).body, { displayname: "ada" });
  assert.deepEqual((await get(ada, "displayname")).body, { displayname: "ada" });
  assert.equal((await get(ada, "avatar_url")).status, 404);
  for (const userId of ["@nobody:burrow.localhost", "@ada:example.org", "ada"]) {
    const reply = await fixture.request("GET", `/v3/profile/${encodeURIComponent(userId)}`, {
      token: ben.token,
    });
    assert.equal(reply.status, 404);
    assert.equal(reply.body.errcode, "M_NOT_FOUND");
  }
});

test("without an account nobody can look for names", async () => {
  for (const name of ["ada", "nobody"]) {
    const reply = await fixture.request("GET", `/v3/profile/@${name}:burrow.localhost`);
    assert.equal(reply.status, 401);
  }
});

test("a changed profile shows in every room that the member is in, however many", async () => {
  const rooms: string[] = [];
  for (let count = 0; count < 23; count += 1) rooms.push(await makeRoom(fixture, ada, ben));
  const left = await makeRoom(fixture, ben, ada);
  await setMembership(fixture, left, ada, "leave");
  const wait = fixture.matrix.waiters.wait(ben.userId, 60_000);
  assert.equal((await put(ada, "displayname", "Ada Löwe")).status, 200);
  assert.equal((await put(ada, "avatar_url", "mxc://burrow.localhost/face")).status, 200);
  assert.equal(await wait.woken, true);
  for (const roomId of rooms) {
    assert.deepEqual(memberEvent(roomId, ada)?.pdu.content, {
      membership: "join",
      displayname: "Ada Löwe",
      avatar_url: "mxc://burrow.localhost/face",
    });
  }
  assert.equal(memberEvent(left, ada)?.pdu.content["membership"], "leave");
  const unchanged = memberEvent(rooms[0] ?? "", ada)?.so;
  await put(ada, "displayname", "Ada Löwe");
  assert.equal(memberEvent(rooms[0] ?? "", ada)?.so, unchanged, "the same name again makes no event");
});

test("a room that the member leaves at that very moment is not entered again", async () => {
  const roomId = await makeRoom(fixture, ada, ben);
  const leaving = setMembership(fixture, roomId, ben, "leave");
  await Promise.all([leaving, fixture.matrix.profiles.set(ben.userId, "displayname", "Benjamin")]);
  assert.deepEqual(memberEvent(roomId, ben)?.pdu.content, { membership: "leave" });
});

test("an emptied or deleted name is gone, from the rooms too", async () => {
  const roomId = await makeRoom(fixture, ben);
  assert.equal((await put(ben, "displayname", "Ben")).status, 200);
  assert.equal(memberEvent(roomId, ben)?.pdu.content["displayname"], "Ben");
  assert.equal((await put(ben, "displayname", "")).status, 200);
  assert.equal((await get(ben, "displayname")).status, 404);
  assert.deepEqual(memberEvent(roomId, ben)?.pdu.content, { membership: "join" });
  await put(ben, "displayname", "Ben");
  const reply = await fixture.request("DELETE", profile(ben, "displayname"), { token: ben.token });
  assert.equal(reply.status, 200);
  assert.deepEqual((await get(ben)).body, {});
});

test("custom fields are kept, limited in name and in all", async () => {
  assert.equal((await put(ben, "org.example.pet", { name: "Rex", age: 1.5 })).status, 200);
  assert.equal((await put(ben, "m.tz", "Europe/Berlin")).status, 200);
  assert.deepEqual((await get(ben, "org.example.pet")).body, {
    "org.example.pet": { name: "Rex", age: 1.5 },
  });
  const large = await put(ben, "org.example.large", "x".repeat(65_536));
  assert.equal(large.status, 400);
  assert.equal(large.body.errcode, "M_PROFILE_TOO_LARGE");
  const longKey = await put(ben, `org.${"x".repeat(255)}`, 1);
  assert.equal(longKey.status, 400);
  assert.equal(longKey.body.errcode, "M_KEY_TOO_LARGE");
  assert.equal((await put(ben, "Upper", 1)).body.errcode, "M_INVALID_PARAM");
  assert.equal((await put(ben, "__proto__", 1)).body.errcode, "M_INVALID_PARAM");
  const mismatch = await fixture.request("PUT", profile(ben, "m.tz"), {
    token: ben.token,
    body: { displayname: "x" },
  });
  assert.equal(mismatch.body.errcode, "M_MISSING_PARAM");
});

test("wrong values are refused and change nothing", async () => {
  await put(ben, "displayname", "Ben");
  for (const value of [null, 5, { a: 1 }, "x".repeat(257)]) {
    assert.equal((await put(ben, "displayname", value)).status, 400);
  }
  const halfCharacter = await fixture.request("PUT", profile(ben, "displayname"), {
    token: ben.token,
    body: '{"displayname":"\\ud800"}',
  });
  assert.equal(halfCharacter.status, 400);
  for (const elsewhere of ["https://example.org/track.gif", "//example.org/track.gif", "HTTP://x"]) {
    assert.equal((await put(ben, "avatar_url", elsewhere)).status, 400);
  }
  assert.deepEqual((await get(ben, "displayname")).body, { displayname: "Ben" });
});

test("nobody changes another's profile", async () => {
  for (const method of ["PUT", "DELETE"]) {
    const reply = await fixture.request(method, profile(ada, "displayname"), {
      token: ben.token,
      ...(method === "PUT" && { body: { displayname: "Not Ada" } }),
    });
    assert.equal(reply.status, 403);
    assert.equal(reply.body.errcode, "M_FORBIDDEN");
  }
});

test("the proposal's path leads to the same profile", async () => {
  const path = profile(ben, "m.tz").replace("/v3/", "/_matrix/client/unstable/uk.tcpip.msc4133/");
  const { token } = ben;
  assert.equal((await fixture.request("PUT", path, { token, body: { "m.tz": "Europe/Rome" } })).status, 200);
  assert.deepEqual((await get(ben, "m.tz")).body, { "m.tz": "Europe/Rome" });
  assert.equal((await fixture.request("DELETE", path, { token })).status, 200);
  assert.equal((await fixture.request("GET", path, { token })).status, 404);
  assert.equal((await fixture.request("GET", path)).status, 401);
});
