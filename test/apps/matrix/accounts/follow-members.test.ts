import assert from "node:assert/strict";
import { after, test } from "node:test";
import { join } from "node:path";
import { stateOf } from "../../../../origin/apps/matrix/rooms/room.ts";
import { createMembers } from "../../../../origin/members/create-members.ts";
import { membersMigrations } from "../../../../origin/members/migrations.ts";
import { openDatabase } from "../../../../origin/storage/database.ts";
import { chooseDriver } from "../../../../origin/storage/open-driver.ts";
import { createFixture, type Fixture, password, type User } from "../fixture.ts";

const fixture = await createFixture();
after(() => fixture.close());

const post = (user: User, path: string, body: unknown) =>
  fixture.request("POST", path, { token: user.token, body });

/** A room of the creator's in which everyone else is joined, by its id. */
async function makeRoom(creator: User, others: readonly User[], of: Fixture = fixture): Promise<string> {
  const options = { token: creator.token, body: { preset: "public_chat" } };
  const { body } = await of.request("POST", "/v3/createRoom", options);
  for (const { token } of others) {
    const path = `/v3/rooms/${encodeURIComponent(body.room_id)}/join`;
    assert.equal((await of.request("POST", path, { token, body: {} })).status, 200);
  }
  return body.room_id;
}

async function uploadKeys(user: User): Promise<void> {
  const device = { user_id: user.userId, device_id: user.deviceId, algorithms: [], keys: {}, signatures: {} };
  const answer = await post(user, "/v3/keys/upload", {
    device_keys: device,
    one_time_keys: { "signed_curve25519:AAAA": { key: "one" } },
    fallback_keys: { "signed_curve25519:BBBB": { key: "last", fallback: true } },
  });
  assert.equal(answer.status, 200);
}

const queryKeys = async (as: User, user: User): Promise<string[]> => {
  const { body } = await post(as, "/v3/keys/query", { device_keys: { [user.userId]: [] } });
  return Object.keys(body.device_keys[user.userId] ?? {});
};

const membershipOf = (roomId: string, userId: string): unknown => {
  const room = fixture.matrix.rooms.get(roomId);
  return room && stateOf(room, "m.room.member", userId)?.pdu.content["membership"];
};

test("logout takes the device's keys and queue, and others hear that the devices changed", async () => {
  const [ada, ben] = [await fixture.user("ada"), await fixture.user("ben")];
  await makeRoom(ada, [ben]);
  await uploadKeys(ben);
  assert.deepEqual(await queryKeys(ada, ben), [ben.deviceId]);
  const messages = { [ben.userId]: { [ben.deviceId]: { hello: 1 } } };
  await fixture.request("PUT", "/v3/sendToDevice/m.test/1", { token: ada.token, body: { messages } });
  const { matrix } = fixture;
  const before = matrix.stream.current();
  assert.equal(matrix.toDevice.pending(ben.userId, ben.deviceId, 0, before, 10).length, 1);

  await post(ben, "/v3/logout", {});
  assert.deepEqual(await queryKeys(ada, ben), []);
  assert.deepEqual(matrix.deviceLists.changes(ada.userId, before).changed, [ben.userId]);
  assert.deepEqual(matrix.toDevice.pending(ben.userId, ben.deviceId, 0, before + 100, 10), []);
  const claim = { one_time_keys: { [ben.userId]: { [ben.deviceId]: "signed_curve25519" } } };
  assert.deepEqual((await post(ada, "/v3/keys/claim", claim)).body.one_time_keys, {});
  // Its id is free again, with nothing left of before.
  const again = await fixture.user("ben", { deviceId: ben.deviceId });
  assert.deepEqual(await queryKeys(ada, again), []);
  assert.equal((await post(ada, "/v3/keys/claim", claim)).body.one_time_keys[ben.userId], undefined);
});

test("what the account notes of a device's notifications ends with the device", async () => {
  const [phone, tablet] = [await fixture.user("nora"), await fixture.user("nora")];
  const data = (type: string): string => `/v3/user/${encodeURIComponent(phone.userId)}/account_data/${type}`;
  const types = ["m.local_notification_settings", "org.matrix.msc3890.local_notification_settings"];
  const paths = types.flatMap((type) => [phone, tablet].map((user) => data(`${type}.${user.deviceId}`)));
  for (const path of paths) {
    const options = { token: phone.token, body: { is_silenced: true } };
    assert.equal((await fixture.request("PUT", path, options)).status, 200);
  }
  await post(tablet, "/v3/logout", {});
  const statuses: number[] = [];
  for (const path of paths) {
    statuses.push((await fixture.request("GET", path, { token: phone.token })).status);
  }
  assert.deepEqual(statuses, [200, 404, 200, 404]);
});

test("what was a transaction of an ended device is a new one for its successor", async () => {
  const cleo = await fixture.user("cleo", { deviceId: "SAME" });
  const roomId = await makeRoom(cleo, []);
  const path = `/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/1`;
  const send = (token: string) =>
    fixture.request("PUT", path, { token, body: { msgtype: "m.text", body: "hello" } });
  const first = await send(cleo.token);
  await post(cleo, "/v3/logout", {});
  const again = await fixture.user("cleo", { deviceId: "SAME" });
  assert.notEqual((await send(again.token)).body.event_id, first.body.event_id);
});

test("others hear of a device's new name, which they see beside its keys", async () => {
  const [ada, ida] = [await fixture.user("ada"), await fixture.user("ida")];
  await makeRoom(ada, [ida]);
  await uploadKeys(ida);
  const before = fixture.matrix.stream.current();
  const options = { token: ida.token, body: { display_name: "Balcony" } };
  await fixture.request("PUT", `/v3/devices/${ida.deviceId}`, options);
  assert.deepEqual(fixture.matrix.deviceLists.changes(ada.userId, before).changed, [ida.userId]);
  const { body } = await post(ada, "/v3/keys/query", { device_keys: { [ida.userId]: [] } });
  const { unsigned } = body.device_keys[ida.userId][ida.deviceId];
  assert.equal(unsigned.device_display_name, "Balcony");
});

test("signing in again on a known device keeps its keys", async () => {
  const [ada, dora] = [await fixture.user("ada"), await fixture.user("dora", { deviceId: "PHONE" })];
  await makeRoom(ada, [dora]);
  await uploadKeys(dora);
  const identifier = { type: "m.id.user", user: "dora" };
  const body = { type: "m.login.password", identifier, password, device_id: "PHONE" };
  assert.equal((await fixture.request("POST", "/v3/login", { body })).status, 200);
  assert.deepEqual(await queryKeys(ada, dora), ["PHONE"]);
});

test("a device that the command line has ended, and that signs in again at once, keeps its new keys", async () => {
  const [ada, hal] = [await fixture.user("ada"), await fixture.user("hal", { deviceId: "TABLET" })];
  await makeRoom(ada, [hal]);
  // Another process on the same file: this one notices a while later.
  const database = openDatabase({
    name: "members",
    file: join(fixture.matrix.config.dataDir, "members.db"),
    migrations: membersMigrations,
    open: chooseDriver(),
  });
  const elsewhere = createMembers({ database, now: () => fixture.clock.now });
  await elsewhere.endSession(hal.memberId, "TABLET");
  elsewhere.close();
  await database.close();

  const identifier = { type: "m.id.user", user: "hal" };
  const body = { type: "m.login.password", identifier, password, device_id: "TABLET" };
  const login = await fixture.request("POST", "/v3/login", { body });
  const again = { ...hal, token: login.body.access_token };
  await uploadKeys(again);
  // Whatever is left to follow is followed when somebody else signs out.
  await post(await fixture.user("ada"), "/v3/logout", {});
  assert.deepEqual(await queryKeys(ada, again), ["TABLET"]);
});

test("whose account ends leaves every room with an event, and declines every invitation", async () => {
  const [ada, emil] = [await fixture.user("ada"), await fixture.user("emil")];
  const rooms: string[] = [];
  // More than one write takes.
  for (let count = 0; count < 23; count += 1) rooms.push(await makeRoom(ada, [emil]));
  const invited = await makeRoom(ada, []);
  await post(ada, `/v3/rooms/${encodeURIComponent(invited)}/invite`, { user_id: emil.userId });
  const banned = await makeRoom(ada, [emil]);
  await post(ada, `/v3/rooms/${encodeURIComponent(banned)}/ban`, { user_id: emil.userId });

  await post(emil, "/v3/account/deactivate", { auth: { type: "m.login.password", password } });
  for (const roomId of [...rooms, invited]) assert.equal(membershipOf(roomId, emil.userId), "leave");
  assert.equal(membershipOf(banned, emil.userId), "ban");
  const path = `/v3/rooms/${encodeURIComponent(rooms[0] ?? "")}/state/m.room.member/${emil.userId}`;
  const seen = await fixture.request("GET", path, { token: ada.token });
  assert.equal(seen.body.membership, "leave");
  assert.deepEqual(fixture.log, []);
});

test("a long-poll under a session that ends, or is suspended, wakes", async () => {
  const fay = await fixture.user("fay");
  const suspended = fixture.matrix.waiters.wait(fay.userId, 30_000);
  await fixture.members.suspend(fay.memberId);
  assert.equal(await suspended.woken, true);
  const ended = fixture.matrix.waiters.wait(fay.userId, 30_000);
  await fixture.members.endSessions(fay.memberId);
  assert.equal(await ended.woken, true);
});

test("what happened while this server was down is followed at its start, once", async () => {
  const own = await createFixture();
  try {
    const [ada, gus] = [await own.user("ada"), await own.user("gus")];
    const roomId = await makeRoom(ada, [gus], own);
    // The process dies between the members' write and what follows from it.
    await own.whileMatrixIsDown((members) => members.deactivate(gus.memberId));
    const { matrix } = own;
    const left = matrix.waiters.wait(ada.userId, 30_000);
    if (matrix.rooms.get(roomId)?.members.get(gus.userId) !== "leave") await left.woken;
    left.cancel();
    assert.equal(matrix.rooms.get(roomId)?.members.get(gus.userId), "leave");
    const room = matrix.rooms.get(roomId);
    assert.ok(room);
    const events = matrix.events.stateIntervals(room, "m.room.member", gus.userId);
    await own.restart();
    const again = own.matrix.rooms.get(roomId);
    assert.ok(again);
    assert.equal(own.matrix.events.stateIntervals(again, "m.room.member", gus.userId).length, events.length);
  } finally {
    await own.close();
  }
});

test("a long list of ended sessions is followed to its end", async () => {
  const own = await createFixture();
  try {
    const [ada, ben] = [await own.user("ada"), await own.user("ben")];
    const { memberId, userId } = ben;
    const more = Array.from({ length: 350 }, () =>
      own.members.openSession(memberId, { address: "192.0.2.1" }),
    );
    const deviceIds = (await Promise.all(more)).map(({ deviceId }) => deviceId);
    const messages = { [userId]: { "*": { hello: 1 } } };
    await own.request("PUT", "/v3/sendToDevice/m.test/1", { token: ada.token, body: { messages } });
    const waiting = (): number =>
      deviceIds.filter(
        (deviceId) => own.matrix.toDevice.pending(userId, deviceId, 0, 1_000_000, 1).length > 0,
      ).length;
    assert.equal(waiting(), deviceIds.length);
    await own.whileMatrixIsDown((members) => members.endSessions(memberId));
    // Its answer comes after everything that there was to follow.
    await own.request("POST", "/v3/logout", { token: ada.token });
    assert.equal(waiting(), 0);
  } finally {
    await own.close();
  }
});
