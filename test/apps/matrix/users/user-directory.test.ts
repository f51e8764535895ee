import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, type User } from "../fixture.ts";

let fixture: Fixture;
let ada: User;
let ben: User;
let eve: User;
before(async () => {
  fixture = await createFixture();
  [ada, ben, eve] = [await fixture.user("ada"), await fixture.user("ben"), await fixture.user("eve")];
});
after(() => fixture.close());

async function search(user: User, term: string, more: object = {}, at = fixture) {
  const body = { search_term: term, ...more };
  const reply = await at.request("POST", "/v3/user_directory/search", { token: user.token, body });
  assert.equal(reply.status, 200);
  return reply.body;
}

const ids = async (user: User, term: string, at?: Fixture): Promise<string[]> =>
  (await search(user, term, {}, at)).results.map(({ user_id: id }: { user_id: string }) => id);

async function rename(user: User, name: string): Promise<void> {
  const path = `/v3/profile/${encodeURIComponent(user.userId)}/displayname`;
  await fixture.request("PUT", path, { token: user.token, body: { displayname: name } });
}

async function makeRoom(creator: User, body: object, ...others: User[]): Promise<string> {
  const made = await fixture.request("POST", "/v3/createRoom", {
    token: creator.token,
    body: { invite: others.map(({ userId }) => userId), ...body },
  });
  for (const { token } of others) {
    const path = `/v3/rooms/${encodeURIComponent(made.body.room_id)}/join`;
    await fixture.request("POST", path, { token, body: {} });
  }
  return made.body.room_id;
}

test("only those of one's rooms and of open rooms are found, as long as they are there", async () => {
  assert.deepEqual(await ids(ben, "ada"), []);
  const shared = await makeRoom(ada, {}, ben);
  assert.deepEqual(await ids(ben, "ada"), [ada.userId]);
  assert.deepEqual(await ids(eve, "ada"), []);
  const path = `/v3/rooms/${encodeURIComponent(shared)}/leave`;
  await fixture.request("POST", path, { token: ben.token, body: {} });
  assert.deepEqual(await ids(ben, "ada"), []);

  const open = await makeRoom(ada, { preset: "public_chat" });
  assert.deepEqual(await ids(eve, "ada"), [ada.userId]);
  const rules = `/v3/rooms/${encodeURIComponent(open)}/state/m.room.join_rules`;
  await fixture.request("PUT", rules, { token: ada.token, body: { join_rule: "invite" } });
  assert.deepEqual(await ids(eve, "ada"), []);
  const visibility = `/v3/rooms/${encodeURIComponent(open)}/state/m.room.history_visibility`;
  const readable = { history_visibility: "world_readable" };
  await fixture.request("PUT", visibility, { token: ada.token, body: readable });
  assert.deepEqual(await ids(eve, "ada"), [ada.userId]);
});

test("what somebody is called in one room is told to nobody, and they are found by their own name", async () => {
  await rename(ada, "Ada Löwe");
  const roomId = await makeRoom(ben, {}, ada);
  const path = `/v3/rooms/${encodeURIComponent(roomId)}/state/m.room.member/${encodeURIComponent(ada.userId)}`;
  const body = { membership: "join", displayname: "Freddy" };
  assert.equal((await fixture.request("PUT", path, { token: ada.token, body })).status, 200);
  for (const user of [ben, eve]) {
    assert.deepEqual(await ids(user, "freddy"), []);
    assert.deepEqual((await search(user, "löwe")).results, [
      { user_id: ada.userId, display_name: "Ada Löwe" },
    ]);
  }
});

test("case, accents and compatible forms do not matter, and every word must be found", async () => {
  for (const term of ["LOWE", "löwe", "ＡＤＡ", "lowe ada", "ada lö", "@ada", ada.userId, "öw"]) {
    assert.deepEqual(await ids(eve, term), [ada.userId], term);
  }
  for (const term of ["ada x", "%", "_", "", "  "]) assert.deepEqual(await ids(eve, term), [], term);
});

test("the best come first, and limited tells that there are more", async () => {
  const names = ["Sam Lee", "Sam", "Balsam", "Lee Sam"];
  const people: User[] = [];
  for (const [index, name] of names.entries()) {
    const user = await fixture.user(`person${index}`);
    await rename(user, name);
    people.push(user);
  }
  await makeRoom(ben, {}, ...people);
  const found = await search(ben, "sam");
  assert.deepEqual(
    found.results.map(({ display_name: name }: { display_name: string }) => name),
    ["Sam", "Sam Lee", "Lee Sam", "Balsam"],
  );
  assert.equal(found.limited, false);
  const few = await search(ben, "sam", { limit: 2 });
  assert.deepEqual([few.results.length, few.limited], [2, true]);
});

test("who is suspended or gone is not found; odd requests are refused", async () => {
  const fay = await fixture.user("fay");
  await makeRoom(ben, {}, fay);
  assert.deepEqual(await ids(ben, "fay"), [fay.userId]);
  await fixture.members.suspend(fay.memberId);
  assert.deepEqual(await ids(ben, "fay"), []);
  const bad = (body: unknown) =>
    fixture.request("POST", "/v3/user_directory/search", { token: ben.token, body });
  assert.equal((await bad({})).body.errcode, "M_MISSING_PARAM");
  assert.equal((await bad({ search_term: "x", limit: 0 })).body.errcode, "M_BAD_JSON");
  assert.equal((await bad({ search_term: "x".repeat(513) })).body.errcode, "M_INVALID_PARAM");
  assert.equal((await fixture.request("POST", "/v3/user_directory/search", { body: {} })).status, 401);
});

test("the owner may let everyone with an account be found", async () => {
  const all = await createFixture({ environment: { BURROW_MATRIX_USER_DIRECTORY: "members" } });
  try {
    const [one, two] = [await all.user("one"), await all.user("two")];
    assert.deepEqual(await ids(one, "t", all), [two.userId]);
  } finally {
    await all.close();
  }
});
