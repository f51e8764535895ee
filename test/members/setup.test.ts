import assert from "node:assert/strict";
import { test } from "node:test";
import { memberPassword, openHousehold, ownerPassword, refusedAs } from "./open-members.ts";

const ada = { name: "ada", password: ownerPassword };

test("a set-up token makes the owner, once", async (t) => {
  const { members } = await openHousehold(t);
  assert.equal(members.claimed(), false);
  const token = await members.createSetupToken();
  assert.match(token, /^bst_[\w-]{27}$/);
  const owner = await members.claim({ ...ada, token });
  assert.deepEqual([owner.name, owner.role, owner.state], ["ada", "owner", "active"]);
  assert.equal(members.claimed(), true);
  await assert.rejects(members.claim({ ...ada, name: "cleo", token }), refusedAs("already-claimed"));
  await assert.rejects(members.createSetupToken(), refusedAs("already-claimed"));
  await assert.rejects(members.createOwner({ ...ada, name: "cleo" }), refusedAs("already-claimed"));
});

test("of 50 claims at the same time exactly one makes an owner", async (t) => {
  const { members } = await openHousehold(t);
  const token = await members.createSetupToken();
  const claims = await Promise.allSettled(
    Array.from({ length: 50 }, (_, at) => members.claim({ ...ada, name: `ada${at}`, token })),
  );
  assert.equal(claims.filter(({ status }) => status === "fulfilled").length, 1);
  assert.equal(members.list().length, 1);
});

test("a wrong token is refused before anything costs time, whatever else is wrong", async (t) => {
  const { members, kdf } = await openHousehold(t);
  await members.createSetupToken();
  for (const request of [ada, { name: "??", password: ownerPassword }, { name: "ada", password: "short" }]) {
    await assert.rejects(members.claim({ ...request, token: "bst_guess" }), refusedAs("setup-invalid"));
  }
  assert.equal(kdf.calls, 0);
});

test("a set-up token holds for 24 hours, and a newer one ends it", async (t) => {
  const { members, clock } = await openHousehold(t);
  const first = await members.createSetupToken();
  const second = await members.createSetupToken();
  await assert.rejects(members.claim({ ...ada, token: first }), refusedAs("setup-invalid"));
  clock.now += 24 * 60 * 60 * 1000;
  await assert.rejects(members.claim({ ...ada, token: second }), refusedAs("setup-invalid"));
  await members.claim({ ...ada, token: await members.createSetupToken() });
});

test("a server whose accounts were deleted stays claimed", async (t) => {
  const household = await openHousehold(t);
  await household.members.createOwner(ada);
  await household.database.write(() => household.database.prepare("DELETE FROM members").run());
  assert.equal(household.members.list().length, 0);
  assert.equal(household.members.claimed(), true);
  const members = await household.restart();
  assert.equal(members.claimed(), true);
  await assert.rejects(members.createSetupToken(), refusedAs("already-claimed"));
  await assert.rejects(members.createOwner(ada), refusedAs("already-claimed"));
});

test("the owner's password is longer than a member's", async (t) => {
  const { members } = await openHousehold(t);
  await assert.rejects(
    members.createOwner({ name: "ada", password: memberPassword.slice(0, 15) }),
    refusedAs("password-weak"),
  );
  assert.equal(members.claimed(), false);
});
