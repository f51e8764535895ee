import assert from "node:assert/strict";
import { after, before, mock, test } from "node:test";
import { createEphemeralSerial } from "../../../../origin/apps/matrix/sync/ephemeral-serial.ts";
import { createTyping } from "../../../../origin/apps/matrix/sync/typing.ts";
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

const put = (user: User, roomId: string, body: unknown, of: User = user) =>
  fixture.request("PUT", `/v3/rooms/${encodeURIComponent(roomId)}/typing/${encodeURIComponent(of.userId)}`, {
    token: user.token,
    body,
  });

test("starting and stopping each wake the room and are changes of their own", async () => {
  const { typing, waiters } = fixture.matrix;
  const roomId = await makeRoom(fixture, ada, ben);
  const { nid } = roomOf(fixture, roomId);
  const start = typing.serial();
  const wait = waiters.wait(ben.userId, 60_000);
  assert.equal((await put(ada, roomId, { typing: true, timeout: 20_000 })).status, 200);
  assert.equal(await wait.woken, true);
  assert.deepEqual(typing.typing(nid), [ada.userId]);
  assert.deepEqual(typing.changedSince(start), [nid]);

  const started = typing.serial();
  await put(ada, roomId, { typing: true });
  assert.equal(typing.serial(), started, "to go on typing is no news");

  assert.equal((await put(ada, roomId, { typing: false })).status, 200);
  assert.deepEqual(typing.typing(nid), []);
  assert.deepEqual(typing.changedSince(started), [nid], "the empty list must be told");
  assert.deepEqual(typing.changedSince(typing.serial()), []);
});

test("typing in one room does not show in another, and ends with the membership", async () => {
  const { typing } = fixture.matrix;
  const here = await makeRoom(fixture, ada, ben);
  const there = await makeRoom(fixture, ada, ben);
  const start = typing.serial();
  await put(ben, here, { typing: true });
  assert.deepEqual(typing.typing(roomOf(fixture, there).nid), []);
  assert.deepEqual(typing.changedSince(start), [roomOf(fixture, here).nid]);
  await setMembership(fixture, here, ben, "leave");
  assert.deepEqual(typing.typing(roomOf(fixture, here).nid), []);
});

test("only members type, each for themselves, and the body is checked", async () => {
  const roomId = await makeRoom(fixture, ada);
  assert.equal((await put(ben, roomId, { typing: true })).status, 403);
  assert.equal((await put(ben, "!none:burrow.localhost", { typing: true })).status, 403);
  assert.equal((await put(ada, roomId, { typing: true }, ben)).status, 403);
  assert.equal((await put(ada, roomId, {})).body.errcode, "M_MISSING_PARAM");
  assert.equal((await put(ada, roomId, { typing: "yes" })).body.errcode, "M_BAD_JSON");
  assert.equal((await put(ada, roomId, { typing: true, timeout: 1.5 })).body.errcode, "M_BAD_JSON");
  assert.deepEqual(fixture.matrix.typing.typing(roomOf(fixture, roomId).nid), []);
});

test("typing ends by itself, after 30 s at most whatever was asked for", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const woken: number[] = [];
    const { waiters } = fixture.matrix;
    const typing = createTyping({
      waiters: { ...waiters, notify: (_, position) => void woken.push(position) },
      position: () => 7,
      joinedTo: () => new Set(["@ada:burrow.localhost"]),
      serial: createEphemeralSerial(() => 1000),
    });
    typing.set(1, "@ada:burrow.localhost", true, 3_600_000);
    mock.timers.tick(29_000);
    typing.set(1, "@ada:burrow.localhost", true, 5000);
    mock.timers.tick(4999);
    assert.deepEqual(typing.typing(1), ["@ada:burrow.localhost"]);
    const running = typing.serial();
    mock.timers.tick(1);
    assert.deepEqual(typing.typing(1), []);
    assert.deepEqual(typing.changedSince(running), [1]);
    assert.deepEqual(woken, [7, 7]);
    typing.set(1, "@ada:burrow.localhost", true, 3_600_000);
    mock.timers.tick(30_000);
    assert.deepEqual(typing.typing(1), []);
  } finally {
    mock.timers.reset();
  }
});
