import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createMembers } from "../../origin/members/create-members.ts";
import { membersMigrations } from "../../origin/members/migrations.ts";
import { type Migration, openDatabase } from "../../origin/storage/database.ts";
import { chooseDriver } from "../../origin/storage/open-driver.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { memberPassword, openHousehold, ownerPassword, refusedAs, settle } from "./open-members.ts";

test("names are one spelling of the Matrix grammar", async (t) => {
  const { members } = await openHousehold(t);
  const { invite } = await settle(members);
  // Full-width letters and capitals are the same name to people, so they are the same name here.
  assert.equal(members.find(" ＡＤＡ ")?.name, "ada");
  for (const good of ["b", "Ben", "ben.van=der/heide+2-x_", "4711", "x".repeat(100)]) members.checkName(good);
  for (const bad of [
    "",
    " ",
    "_ben",
    ".ben",
    "b n",
    "bén",
    "ben@x",
    "ben:x",
    "x".repeat(101),
    "ben\0",
    "Postmaster",
    "admin",
  ]) {
    assert.throws(() => members.checkName(bad), refusedAs("name-invalid"), bad);
  }
  assert.throws(() => members.checkName("ADA"), refusedAs("name-taken"));
  const ben = await members.register({ name: "Ben", password: memberPassword, inviteToken: invite });
  assert.equal(ben.name, "ben");
  assert.deepEqual(members.get(ben.id), ben);
  assert.deepEqual(
    members.list().map(({ name }) => name),
    ["ada", "ben"],
  );
});

test("a suspended member's sessions stop and come back", async (t) => {
  const { members } = await openHousehold(t);
  const { invite } = await settle(members);
  const ben = await members.register({ name: "ben", password: memberPassword, inviteToken: invite });
  const { accessToken } = await members.openSession(ben.id, { address: "192.0.2.1" });
  await members.suspend(ben.id);
  await members.suspend(ben.id);
  assert.equal(members.authenticate(accessToken).kind, "suspended");
  assert.equal((await members.verifyPassword("ben", memberPassword))?.state, "suspended");
  await members.unsuspend(ben.id);
  assert.equal(members.authenticate(accessToken).kind, "ok");
  assert.deepEqual(
    members.changesSince(0, 10).map(({ kind, name, memberId }) => [kind, name, memberId]),
    [
      ["suspended", "ben", ben.id],
      ["unsuspended", "ben", ben.id],
    ],
  );
});

test("a deactivated member is gone for good, and so is the name", async (t) => {
  const { members } = await openHousehold(t);
  const { ownerId, invite } = await settle(members);
  const ben = await members.register({ name: "ben", password: memberPassword, inviteToken: invite });
  const { accessToken, deviceId } = await members.openSession(ben.id, { address: "192.0.2.1" });
  await members.deactivate(ben.id);
  assert.equal(members.authenticate(accessToken).kind, "unknown");
  assert.equal(await members.verifyPassword("ben", memberPassword), undefined);
  assert.throws(() => members.checkName("ben"), refusedAs("name-taken"));
  for (const attempt of [
    () => members.openSession(ben.id, { address: "192.0.2.1" }),
    () => members.changePassword(ben.id, ownerPassword, "none"),
    () => members.suspend(ben.id),
    () => members.unsuspend(ben.id),
    () => members.deactivate(ben.id),
    () => members.deactivate(4711),
  ]) {
    await assert.rejects(attempt(), refusedAs("unknown-member"));
  }
  assert.deepEqual(
    members.changesSince(0, 10).map(({ kind, deviceId: device }) => [kind, device]),
    [
      ["session-ended", deviceId],
      ["deactivated", null],
    ],
  );
  await assert.rejects(members.suspend(ownerId), refusedAs("owner-protected"));
  await assert.rejects(members.lock(ownerId), refusedAs("owner-protected"));
  await assert.rejects(members.deactivate(ownerId), refusedAs("owner-protected"));
});

test("everything survives a restart", async (t) => {
  const household = await openHousehold(t);
  const { ownerId, invite } = await settle(household.members);
  const open = { address: "192.0.2.1", refreshable: true, displayName: "Phone" };
  const session = await household.members.openSession(ownerId, open);
  const members = await household.restart();
  assert.equal(members.claimed(), true);
  assert.equal(members.authenticate(session.accessToken).kind, "ok");
  assert.equal(members.devices(ownerId)[0]?.displayName, "Phone");
  assert.equal((await members.verifyPassword("ada", ownerPassword))?.id, ownerId);
  assert.equal(
    (await members.register({ name: "ben", password: memberPassword, inviteToken: invite })).name,
    "ben",
  );
  await members.refresh(session.refreshToken ?? "");
});

test("no file of the data folder holds a token or a password", async (t) => {
  const { members, folder } = await openHousehold(t);
  const setup = await members.createSetupToken();
  const owner = await members.claim({ token: setup, name: "ada", password: ownerPassword });
  const invite = await members.createInvite({ name: "Ben", uses: 1, expiresInMs: 1000, createdBy: owner.id });
  const open = { address: "192.0.2.1", refreshable: true, displayName: "Phone" };
  const session = await members.openSession(owner.id, open);
  const secrets = [setup, invite.token, session.accessToken, session.refreshToken ?? "", ownerPassword];
  const files = await readdir(folder);
  const bytes = Buffer.concat(await Promise.all(files.map((file) => readFile(join(folder, file)))));
  // What is kept is there, so the search looks at the right bytes.
  assert.ok(bytes.includes("Phone"));
  for (const secret of secrets) assert.ok(!bytes.includes(secret), secret);
  for (const secret of secrets) assert.ok(!bytes.includes(secret.slice(4)), secret);
});

test("a lock stands beside a suspension, ends nothing, and is told to those who follow", async (t) => {
  const { members } = await openHousehold(t);
  const { invite } = await settle(members);
  const ben = await members.register({ name: "ben", password: memberPassword, inviteToken: invite });
  const { accessToken } = await members.openSession(ben.id, { address: "192.0.2.1" });
  await members.suspend(ben.id);
  await members.lock(ben.id);
  await members.lock(ben.id);
  assert.equal(members.authenticate(accessToken).kind, "locked");
  await members.unsuspend(ben.id);
  assert.equal(members.authenticate(accessToken).kind, "locked");
  await members.unlock(ben.id);
  assert.equal(members.authenticate(accessToken).kind, "ok");
  assert.deepEqual(
    members.changesSince(0, 10).map(({ kind }) => kind),
    ["suspended", "locked", "unsuspended", "unlocked"],
  );
});

test("whom an earlier version had suspended, which was refusing everything, is locked after the update", async (t) => {
  const file = join(temporaryFolder(t), "members.db");
  const open = (migrations: readonly Migration[]) =>
    openDatabase({ name: "members", file, migrations, open: chooseDriver() });
  const earlier = open(membersMigrations.slice(0, 1));
  await earlier.write(() =>
    earlier
      .prepare(
        "INSERT INTO members (name, role, state, created_at) VALUES ('ben', 'member', 'suspended', 1), ('ada', 'member', 'active', 1)",
      )
      .run(),
  );
  await earlier.close();
  const database = open(membersMigrations);
  const members = createMembers({ database, now: Date.now });
  t.after(async () => {
    members.close();
    await database.close();
  });
  assert.deepEqual(
    members.list().map(({ name, state, lockedAt }) => [name, state, lockedAt !== null]),
    [
      ["ben", "active", true],
      ["ada", "active", false],
    ],
  );
});
