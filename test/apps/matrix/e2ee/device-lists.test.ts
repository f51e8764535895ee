import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { formatToken } from "../../../../origin/apps/matrix/sync/position.ts";
import { createFixture, type Fixture, type User } from "../fixture.ts";
import { makeRoom, say, setMembership } from "../users/rooms.ts";

let fixture: Fixture;
before(async () => {
  fixture = await createFixture();
});
after(() => fixture.close());

let group = 0;
/** Three people whom no other test has met. */
async function people(): Promise<[User, User, User]> {
  group += 1;
  const user = (name: string) => fixture.user(`${name}${group}`);
  return [await user("ada"), await user("ben"), await user("cleo")];
}

const position = (): number => fixture.matrix.stream.current();
const changes = (user: User, since: number) => {
  const { changed, left } = fixture.matrix.deviceLists.changes(user.userId, since);
  return { changed: changed.toSorted(), left: left.toSorted() };
};
const publish = (user: User, key = "k") =>
  fixture.request("POST", "/v3/keys/upload", {
    token: user.token,
    body: {
      device_keys: {
        user_id: user.userId,
        device_id: user.deviceId,
        algorithms: [],
        keys: { [`ed25519:${user.deviceId}`]: key },
        signatures: {},
      },
    },
  });
const nothing = { changed: [], left: [] };

test("new keys reach those who share a room and oneself, and wake them; strangers hear nothing", async () => {
  const [ada, ben, cleo] = await people();
  await makeRoom(fixture, ada, ben);
  const since = position();
  const waits = [ada, ben].map((user) => fixture.matrix.waiters.wait(user.userId, 60_000));
  assert.equal((await publish(ada)).status, 200);
  for (const wait of waits) assert.equal(await wait.woken, true);
  assert.deepEqual(changes(ben, since), { changed: [ada.userId], left: [] });
  assert.deepEqual(changes(ada, since), { changed: [ada.userId], left: [] });
  assert.deepEqual(changes(cleo, since), nothing);
  assert.deepEqual(changes(ben, position()), nothing);

  const later = position();
  await publish(ada);
  assert.deepEqual(changes(ben, later), nothing, "the same keys again are no change");
  await publish(ada, "other");
  assert.deepEqual(changes(ben, later), { changed: [ada.userId], left: [] });
});

test("somebody in no room at all still hears of their own devices", async () => {
  const [ada] = await people();
  const since = position();
  await publish(ada);
  assert.deepEqual(changes(ada, since), { changed: [ada.userId], left: [] });
});

test("who newly shares a room is changed, on both sides, but not who shared one already", async () => {
  const [ada, ben, cleo] = await people();
  await makeRoom(fixture, ada, ben);
  const since = position();
  await makeRoom(fixture, cleo, ada);
  assert.deepEqual(changes(ada, since), { changed: [cleo.userId], left: [] });
  assert.deepEqual(changes(cleo, since), { changed: [ada.userId], left: [] });
  assert.deepEqual(changes(ben, since), nothing);

  const later = position();
  await makeRoom(fixture, ada, ben);
  assert.deepEqual(changes(ada, later), nothing);
});

test("left names those with whom no room is shared any more, whoever it was that left", async () => {
  const [ada, ben, cleo] = await people();
  const both = await makeRoom(fixture, ada, ben, cleo);
  const second = await makeRoom(fixture, ada, ben);
  let since = position();
  await setMembership(fixture, both, ben, "leave");
  assert.deepEqual(changes(ada, since), nothing, "another room is still shared");
  assert.deepEqual(changes(cleo, since), { changed: [], left: [ben.userId] });
  assert.deepEqual(changes(ben, since), { changed: [], left: [cleo.userId] });

  since = position();
  await setMembership(fixture, second, ada, "leave");
  assert.deepEqual(changes(ada, since), { changed: [], left: [ben.userId] });
  assert.deepEqual(changes(ben, since), { changed: [], left: [ada.userId] });
});

test("leaving and coming back between two looks is neither, unless keys changed in between", async () => {
  const [ada, ben, cleo] = await people();
  const roomId = await makeRoom(fixture, ada, ben);
  const since = position();
  await setMembership(fixture, roomId, ben, "leave");
  await setMembership(fixture, roomId, ben, "join");
  assert.deepEqual(changes(ada, since), nothing);
  assert.deepEqual(changes(ben, since), nothing);
  await setMembership(fixture, roomId, cleo, "join");
  await setMembership(fixture, roomId, cleo, "leave");
  assert.deepEqual(changes(ada, since), nothing, "a visit that nobody was told of");
  await setMembership(fixture, roomId, ben, "leave");
  await publish(ben);
  await setMembership(fixture, roomId, ben, "join");
  assert.deepEqual(changes(ada, since), { changed: [ben.userId], left: [] });
});

test("an invitation alone tells nobody of devices; a kick and a ban end what a join began", async () => {
  const [ada, ben, cleo] = await people();
  const call = (user: User, method: string, path: string, body: object) =>
    fixture.request(method, `/v3${path}`, { token: user.token, body });
  const made = await call(ada, "POST", "/createRoom", { invite: [ben.userId] });
  const room = `/rooms/${encodeURIComponent(made.body.room_id)}`;
  let since = position();
  await publish(ada);
  await publish(ben);
  assert.deepEqual(changes(ben, since), { changed: [ben.userId], left: [] });
  assert.deepEqual(changes(ada, since), { changed: [ada.userId], left: [] });
  for (const end of ["kick", "ban"]) {
    since = position();
    assert.equal((await call(ben, "POST", `${room}/join`, {})).status, 200);
    assert.deepEqual(changes(ada, since), { changed: [ben.userId], left: [] });
    assert.deepEqual(changes(ben, since), { changed: [ada.userId], left: [] });
    since = position();
    assert.equal((await call(ada, "POST", `${room}/${end}`, { user_id: ben.userId })).status, 200);
    assert.deepEqual(changes(ada, since), { changed: [], left: [ben.userId] });
    assert.deepEqual(changes(ben, since), { changed: [], left: [ada.userId] });
    since = position();
    await publish(ben, end);
    assert.deepEqual(changes(ada, since), nothing, "and nothing is heard from outside");
    await call(ada, "POST", `${room}/invite`, { user_id: ben.userId });
    assert.deepEqual(changes(ada, since), nothing);
  }
  assert.deepEqual(changes(cleo, since), nothing);
});

test("messages and new names are no news about devices", async () => {
  const [ada, ben] = await people();
  const roomId = await makeRoom(fixture, ada, ben);
  const since = position();
  await say(fixture, roomId, ben, "hello");
  await fixture.matrix.profiles.set(ben.userId, "displayname", "Ben");
  assert.deepEqual(changes(ada, since), nothing);
  assert.deepEqual(changes(ben, since), nothing);
});

test("a device that signs out is a change", async () => {
  const [ada, ben] = await people();
  await makeRoom(fixture, ada, ben);
  await publish(ada);
  const since = position();
  assert.equal((await fixture.request("POST", "/v3/logout", { token: ada.token })).status, 200);
  assert.deepEqual(changes(ben, since), { changed: [ada.userId], left: [] });
});

test("/keys/changes answers between two sync tokens, and refuses what is none", async () => {
  const [ada, ben] = await people();
  await makeRoom(fixture, ada, ben);
  const from = formatToken({ so: position(), typing: 5 });
  await publish(ada);
  const to = formatToken({ so: position(), typing: 6 });
  const ask = (query: string) => fixture.request("GET", `/v3/keys/changes${query}`, { token: ben.token });
  const reply = await ask(`?from=${from}&to=${to}`);
  assert.deepEqual(reply.body, { changed: [ada.userId], left: [] });
  assert.equal((await ask(`?from=${from}`)).body.errcode, "M_MISSING_PARAM");
  const lost = await ask(`?from=${formatToken({ so: position() + 100 })}&to=${to}`);
  const everybody = { changed: [ada.userId, ben.userId], left: [] };
  assert.deepEqual(
    { ...lost.body, changed: lost.body.changed.toSorted() },
    everybody,
    "a position that a restore took away",
  );
  for (const query of [`?from=s84_td1&to=${to}`, `?from=${from}&to=now`]) {
    const refused = await ask(query);
    assert.equal(refused.status, 400);
    assert.equal(refused.body.errcode, "M_INVALID_PARAM");
  }
});
