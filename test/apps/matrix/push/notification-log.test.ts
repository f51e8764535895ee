import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, type User } from "../fixture.ts";
import { makeRoom, readUpTo, send, text } from "./gateway-stand.ts";

let fixture: Fixture;
let ada: User;
let ben: User;
before(async () => {
  fixture = await createFixture();
  ada = await fixture.user("ada");
  ben = await fixture.user("ben");
});
after(() => fixture.close());

interface Shown {
  room_id: string;
  read: boolean;
  ts: number;
  actions: unknown[];
  event: { event_id: string; type: string };
}

async function list(
  user: User,
  query: Record<string, string> = {},
): Promise<{ shown: Shown[]; next: string | undefined }> {
  const path = `/v3/notifications?${new URLSearchParams(query)}`;
  const { status, body } = await fixture.request("GET", path, { token: user.token });
  assert.equal(status, 200, JSON.stringify(body));
  return { shown: body.notifications, next: body.next_token };
}
const idsOf = (shown: readonly Shown[]): string[] => shown.map(({ event }) => event.event_id);

test("what notified somebody is listed over all rooms, the newest first, in pages", async () => {
  const one = await makeRoom(fixture, ada, [ben]);
  const two = await makeRoom(fixture, ada, [ben]);
  const sent = [];
  for (const [roomId, body] of [
    [one, "a"],
    [two, "b"],
    [one, "c"],
  ] as const) {
    sent.unshift(await send(fixture, ada, roomId, text(body)));
  }
  const own = await send(fixture, ben, one, text("my own"));
  const { shown } = await list(ben);
  assert.deepEqual(idsOf(shown), sent);
  assert.deepEqual(
    shown.map(({ read }) => read),
    [true, false, true],
    "sending is reading",
  );
  assert.deepEqual(shown[0]?.actions, ["notify", { set_tweak: "sound", value: "default" }]);

  const found: string[] = [];
  let from: string | undefined;
  do {
    const page = await list(ben, { limit: "2", ...(from !== undefined && { from }) });
    found.push(...idsOf(page.shown));
    from = page.next;
  } while (from !== undefined);
  assert.deepEqual(found, sent);
  assert.deepEqual(idsOf((await list(ada)).shown), [own]);
});

test("highlights alone; not what was redacted; not of rooms that were left", async () => {
  const cleo = await fixture.user("cleo");
  const roomId = await makeRoom(fixture, ada, [cleo]);
  const mention = await send(fixture, ada, roomId, text("x", { "m.mentions": { user_ids: [cleo.userId] } }));
  await send(fixture, ada, roomId, text("y"));
  assert.deepEqual(idsOf((await list(cleo, { only: "highlight" })).shown), [mention]);
  const gone = await send(fixture, ada, roomId, text("z", { "m.mentions": { user_ids: [cleo.userId] } }));
  await fixture.request("PUT", `/v3/rooms/${roomId}/redact/${gone}/r1`, { token: ada.token, body: {} });
  assert.deepEqual(idsOf((await list(cleo, { only: "highlight" })).shown), [mention]);
  await fixture.request("POST", `/v3/rooms/${roomId}/leave`, { token: cleo.token, body: {} });
  assert.deepEqual((await list(cleo)).shown, []);
});

test("an invitation is listed for whom it invites", async () => {
  const dora = await fixture.user("dora");
  const roomId = await makeRoom(fixture, ada, [], { preset: "private_chat", invite: [dora.userId] });
  const { shown } = await list(dora);
  assert.deepEqual(
    shown.map(({ room_id: room, read, event }) => [room, read, event.type]),
    [[roomId, false, "m.room.member"]],
  );
});

test("what was read is kept for thirty days", async () => {
  const emil = await fixture.user("emil");
  const roomId = await makeRoom(fixture, ada, [emil]);
  const old = await send(fixture, ada, roomId, text("old"));
  fixture.clock.now += 20 * 24 * 60 * 60 * 1000;
  const recent = await send(fixture, ada, roomId, text("recent"));
  await readUpTo(fixture, emil, roomId, recent);
  await fixture.restart();
  // The start's own writes stand before this one.
  await fixture.matrix.database.write(() => {});
  assert.deepEqual(idsOf((await list(emil)).shown), [recent, old]);
  fixture.clock.now += 11 * 24 * 60 * 60 * 1000;
  const { unread, events } = fixture.matrix;
  await unread.expire(events.positionAt(fixture.clock.now - 30 * 24 * 60 * 60 * 1000));
  assert.deepEqual(idsOf((await list(emil)).shown), [recent]);
});

test("bad questions are refused", async () => {
  for (const query of ["only=loud", "from=x", "limit=-1"]) {
    const path = `/v3/notifications?${query}`;
    const reply = await fixture.request("GET", path, { token: ben.token });
    assert.deepEqual([reply.status, reply.body.errcode], [400, "M_INVALID_PARAM"], path);
  }
});
