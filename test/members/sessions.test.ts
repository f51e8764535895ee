import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { openHousehold, refusedAs, settle } from "./open-members.ts";

const hour = 60 * 60 * 1000;

async function openHome(t: TestContext) {
  const household = await openHousehold(t);
  const { ownerId } = await settle(household.members);
  const open = (deviceId?: string, refreshable = false) =>
    household.members.openSession(ownerId, { deviceId, refreshable, address: "192.0.2.1" });
  const kind = (token: string): string => household.members.authenticate(token).kind;
  /** What was queued without being waited for is on disk afterwards. */
  const settled = () => household.database.write(() => {});
  return { ...household, ownerId, open, kind, settled };
}

test("an access token stands for its member and device until the session ends", async (t) => {
  const { members, ownerId, open, kind, clock } = await openHome(t);
  const first = await open();
  const second = await open("LAPTOP");
  assert.match(first.accessToken, /^bat_[\w-]{43}$/);
  assert.match(first.deviceId, /^[A-Z]{10}$/);
  assert.equal(first.refreshToken, undefined);
  const found = members.authenticate(second.accessToken);
  assert.ok(found.kind === "ok");
  const { memberId, name, role, deviceId } = found.session;
  assert.deepEqual([memberId, name, role, deviceId], [ownerId, "ada", "owner", "LAPTOP"]);
  for (const wrong of ["", "bat_", `${first.accessToken}x`, first.accessToken.toUpperCase(), "é\0"]) {
    assert.equal(kind(wrong), "unknown");
  }
  clock.now += 1000 * hour;
  assert.equal(kind(first.accessToken), "ok");
  assert.equal(await members.endSession(ownerId, first.deviceId), true);
  assert.equal(kind(first.accessToken), "unknown");
  assert.equal(kind(second.accessToken), "ok");
  assert.equal(await members.endSession(ownerId, first.deviceId), false);
  assert.deepEqual(
    members.devices(ownerId).map((device) => device.deviceId),
    ["LAPTOP"],
  );
});

test("signing in again on a device ends its old tokens and keeps the device", async (t) => {
  const { members, ownerId, kind } = await openHome(t);
  const device = { deviceId: "PHONE", address: "192.0.2.1" };
  const first = await members.openSession(ownerId, { ...device, displayName: "My phone" });
  const second = await members.openSession(ownerId, { ...device, displayName: "Other" });
  assert.equal(kind(first.accessToken), "unknown");
  assert.equal(kind(second.accessToken), "ok");
  assert.deepEqual(
    members.devices(ownerId).map(({ displayName }) => displayName),
    ["My phone"],
  );
  // To others the device never went away: its keys must stay.
  assert.deepEqual(members.changesSince(0, 10), []);
});

test("all sessions but one can be ended", async (t) => {
  const { members, ownerId, open, kind } = await openHome(t);
  const [a, b, c] = [await open("A"), await open("B"), await open("C")];
  assert.equal(await members.endSessions(ownerId, "B"), 2);
  assert.deepEqual(
    [a, b, c].map(({ accessToken }) => kind(accessToken)),
    ["unknown", "ok", "unknown"],
  );
  assert.deepEqual(
    members.changesSince(0, 10).map((change) => [change.kind, change.deviceId]),
    [
      ["session-ended", "A"],
      ["session-ended", "C"],
    ],
  );
  assert.equal(await members.endSessions(ownerId), 1);
  assert.equal(kind(b.accessToken), "unknown");
  assert.equal(members.changesSince(2, 10).length, 1);
});

test("a refreshable token lasts an hour and is then renewed", async (t) => {
  const { members, open, kind, clock } = await openHome(t);
  const first = await open("PHONE", true);
  assert.match(first.refreshToken ?? "", /^brt_[\w-]{43}$/);
  assert.equal(first.expiresInMs, hour);
  clock.now += hour - 1;
  assert.equal(kind(first.accessToken), "ok");
  clock.now += 1;
  assert.equal(kind(first.accessToken), "expired");
  clock.now += 1000 * hour;
  const second = await members.refresh(first.refreshToken ?? "");
  assert.deepEqual([second.deviceId, second.expiresInMs, kind(second.accessToken)], ["PHONE", hour, "ok"]);
});

test("the old pair stays good until the new one is first used", async (t) => {
  const { members, open, kind, settled } = await openHome(t);
  const first = await open("PHONE", true);
  const lost = await members.refresh(first.refreshToken ?? "");
  assert.equal(kind(first.accessToken), "ok");
  const second = await members.refresh(first.refreshToken ?? "");
  assert.equal(kind(first.accessToken), "ok");
  assert.equal(kind(second.accessToken), "ok");
  await settled();
  assert.deepEqual(
    [first, lost].map(({ accessToken }) => kind(accessToken)),
    ["unknown", "unknown"],
  );
  for (const { refreshToken = "" } of [first, lost]) {
    await assert.rejects(members.refresh(refreshToken), refusedAs("refresh-invalid"));
  }
  // Using the new refresh token is using the new pair.
  const third = await members.refresh(second.refreshToken ?? "");
  const fourth = await members.refresh(third.refreshToken ?? "");
  assert.equal(kind(second.accessToken), "unknown");
  assert.deepEqual(
    [third, fourth].map(({ accessToken }) => kind(accessToken)),
    ["ok", "ok"],
  );
});

test("answers that get lost again and again leave few tokens behind", async (t) => {
  const { members, open, database, kind } = await openHome(t);
  const first = await open("PHONE", true);
  for (let at = 0; at < 20; at += 1) await members.refresh(first.refreshToken ?? "");
  const { rows } = database.prepare<{ rows: number }>("SELECT count(*) AS rows FROM tokens").get() ?? {
    rows: 0,
  };
  assert.ok(rows <= 4, `${rows} rows`);
  assert.equal(kind(first.accessToken), "ok");
});

test("the token id stays the same through refreshes and changes with a new sign-in", async (t) => {
  const { members, open } = await openHome(t);
  const tokenId = (token: string): number => {
    const found = members.authenticate(token);
    assert.ok(found.kind === "ok");
    return found.session.tokenId;
  };
  const first = await open("PHONE", true);
  const second = await members.refresh(first.refreshToken ?? "");
  const third = await members.refresh(second.refreshToken ?? "");
  assert.equal(tokenId(second.accessToken), tokenId(third.accessToken));
  const again = await open("PHONE", true);
  assert.notEqual(tokenId(again.accessToken), tokenId((await open("OTHER")).accessToken));
});

test("ending a session ends its refresh token, and refreshing is no way around a suspension", async (t) => {
  const { members, ownerId, open } = await openHome(t);
  const { refreshToken = "" } = await open("PHONE", true);
  await members.endSession(ownerId, "PHONE");
  await assert.rejects(members.refresh(refreshToken), refusedAs("refresh-invalid"));
  await assert.rejects(members.refresh(""), refusedAs("refresh-invalid"));

  const invite = await members.createInvite({ name: "", uses: 1, expiresInMs: 1000, createdBy: ownerId });
  const request = { name: "ben", password: "violet anchor biscuit", inviteToken: invite.token };
  const ben = await members.register(request);
  const session = await members.openSession(ben.id, { refreshable: true, address: "192.0.2.1" });
  await members.suspend(ben.id);
  const renewed = await members.refresh(session.refreshToken ?? "");
  assert.equal(members.authenticate(renewed.accessToken).kind, "suspended");
});

test("a device is noted as seen at most once a minute, and can be named", async (t) => {
  const { members, ownerId, open, clock, settled } = await openHome(t);
  const { accessToken } = await open("PHONE");
  const found = members.authenticate(accessToken);
  assert.ok(found.kind === "ok");
  const start = clock.now;
  const seen = () => members.devices(ownerId).map((device) => [device.lastSeenAt, device.lastSeenAddress]);
  members.touch(found.session, "192.0.2.2");
  await settled();
  clock.now += 59_999;
  members.touch(found.session, "192.0.2.3");
  await settled();
  assert.deepEqual(seen(), [[start, "192.0.2.2"]]);
  clock.now += 1;
  members.touch(found.session, "2001:db8::4");
  await settled();
  assert.deepEqual(seen(), [[start + 60_000, "2001:db8::4"]]);
  assert.equal(await members.renameDevice(ownerId, "PHONE", "Pocket"), true);
  assert.equal(await members.renameDevice(ownerId, "NONE", "Pocket"), false);
  assert.equal(members.devices(ownerId)[0]?.displayName, "Pocket");
});

test("changes are announced after their commit, also those of another process", async (t) => {
  const { members, ownerId, open, openAnother } = await openHome(t);
  const { accessToken } = await open("A");
  await open("B");
  const heard = () => {
    const { promise, resolve } = Promise.withResolvers<string[]>();
    const undo = members.onChange(() => {
      undo();
      resolve(members.changesSince(0, 10).map(({ deviceId }) => deviceId ?? ""));
    });
    return promise;
  };
  const own = heard();
  await members.endSession(ownerId, "A");
  assert.deepEqual(await own, ["A"]);

  const others = heard();
  await openAnother().endSession(ownerId, "B");
  assert.equal(members.authenticate(accessToken).kind, "unknown");
  assert.deepEqual(await others, ["A", "B"]);
});

test("what is remembered of a token holds neither past a write here nor past one of another process", async (t) => {
  const { members, ownerId, open, kind, openAnother } = await openHome(t);
  const beside = openAnother();
  const [phone, laptop, tablet] = [await open("PHONE"), await open("LAPTOP"), await open("TABLET")];
  const ben = await members.createAccount({ name: "ben", password: "violet anchor biscuit" });
  const his = await members.openSession(ben.id, { address: "192.0.2.1" });
  const all = [phone, laptop, tablet, his].map(({ accessToken }) => accessToken);
  const kinds = (): string[] => all.map(kind);
  assert.deepEqual(kinds(), ["ok", "ok", "ok", "ok"]);

  const ending = members.endSession(ownerId, "PHONE");
  assert.equal(kind(phone.accessToken), "ok");
  await ending;
  assert.deepEqual(kinds(), ["unknown", "ok", "ok", "ok"]);
  await members.lock(ben.id);
  assert.deepEqual(kinds(), ["unknown", "ok", "ok", "locked"]);

  await beside.endSession(ownerId, "LAPTOP");
  await beside.unlock(ben.id);
  await beside.suspend(ben.id);
  // The moment for which nobody asks whether another process has written.
  for (const begun = performance.now(); performance.now() - begun < 2; ) continue;
  assert.deepEqual(kinds(), ["unknown", "unknown", "ok", "suspended"]);
});

test("a failed commit changes nothing and announces nothing", async (t) => {
  const { members, ownerId, open, database, kind } = await openHome(t);
  const { accessToken } = await open("A");
  let announced = 0;
  members.onChange(() => (announced += 1));
  let broken = true;
  database.beforeCommit(() => {
    if (broken) throw new Error("disk full");
  });
  await assert.rejects(members.endSession(ownerId, "A"));
  assert.deepEqual([kind(accessToken), announced, members.changesSince(0, 10).length], ["ok", 0, 0]);
  broken = false;
  await members.endSession(ownerId, "A");
  assert.deepEqual([kind(accessToken), announced], ["unknown", 1]);
});
