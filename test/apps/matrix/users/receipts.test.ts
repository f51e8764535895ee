import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { RoomEvent } from "../../../../origin/apps/matrix/events/event.ts";
import type { Unread } from "../../../../origin/apps/matrix/push/unread.ts";
import { createFixture, type Fixture, type User } from "../fixture.ts";
import { inThread, makeRoom, roomOf, say } from "./rooms.ts";

let fixture: Fixture;
let ada: User;
let ben: User;
let cleo: User;
before(async () => {
  fixture = await createFixture();
  ada = await fixture.user("ada");
  ben = await fixture.user("ben");
  cleo = await fixture.user("cleo");
});
after(() => fixture.close());

const send = (user: User, roomId: string, type: string, event: RoomEvent | string, body: unknown = {}) =>
  fixture.request(
    "POST",
    `/v3/rooms/${encodeURIComponent(roomId)}/receipt/${type}/${encodeURIComponent(typeof event === "string" ? event : event.eventId)}`,
    { token: user.token, body },
  );
const unread = (user: User, roomId: string): Unread =>
  fixture.matrix.unread.inRoom(user.userId, roomOf(fixture, roomId).nid);
const seenBy = (user: User, roomId: string, since = 0) =>
  fixture.matrix.receipts
    .changesSince(user.userId, since, fixture.matrix.stream.current())
    .get(roomOf(fixture, roomId).nid);
const count = (notifications: number) => ({ notification_count: notifications, highlight_count: 0 });
const position = (): number => fixture.matrix.stream.current();

test("a receipt clears what is unread up to it, shows to the room, and never moves backwards", async () => {
  const roomId = await makeRoom(fixture, ada, ben);
  const first = await say(fixture, roomId, ada, "one");
  const second = await say(fixture, roomId, ada, "two");
  await say(fixture, roomId, ada, "three");
  assert.equal(unread(ben, roomId).total.notification_count, 3);
  assert.equal(unread(ada, roomId).total.notification_count, 0, "one's own messages do not count");

  const start = position();
  const wait = fixture.matrix.waiters.wait(ada.userId, 60_000);
  assert.equal((await send(ben, roomId, "m.read", second)).status, 200);
  assert.equal(await wait.woken, true);
  assert.equal(unread(ben, roomId).total.notification_count, 1);
  const expected = [{ [second.eventId]: { "m.read": { [ben.userId]: { ts: fixture.clock.now } } } }];
  assert.deepEqual(seenBy(ada, roomId, start), expected);

  const later = position();
  assert.equal((await send(ben, roomId, "m.read", first)).status, 200);
  assert.equal(seenBy(ada, roomId, later), undefined);
  assert.deepEqual(seenBy(ada, roomId), expected);
  assert.deepEqual(
    fixture.matrix.receipts.inRoom(ada.userId, roomOf(fixture, roomId).nid),
    expected,
    "who joins later sees them too",
  );
});

test("a private receipt clears, wakes and shows to its own user only", async () => {
  const roomId = await makeRoom(fixture, ada, ben);
  const event = await say(fixture, roomId, ada, "one");
  const own = fixture.matrix.waiters.wait(ben.userId, 60_000);
  const other = fixture.matrix.waiters.wait(ada.userId, 60_000);
  assert.equal((await send(ben, roomId, "m.read.private", event)).status, 200);
  assert.equal(await own.woken, true);
  other.cancel();
  assert.equal(await other.woken, false);
  assert.equal(unread(ben, roomId).total.notification_count, 0);
  assert.ok(seenBy(ben, roomId)?.[0]?.[event.eventId]);
  for (const start of [0, event.so]) assert.equal(seenBy(ada, roomId, start), undefined);
  assert.equal(fixture.matrix.receipts.inRoom(ada.userId, roomOf(fixture, roomId).nid), undefined);
});

test("receipts of rooms that one is not in are never shown", async () => {
  const roomId = await makeRoom(fixture, ada, ben);
  const event = await say(fixture, roomId, ada, "one");
  const start = position();
  await send(ben, roomId, "m.read", event);
  assert.equal(seenBy(cleo, roomId, 0), undefined);
  assert.equal(seenBy(cleo, roomId, start), undefined);
  const outsider = await send(cleo, roomId, "m.read", event);
  assert.equal(outsider.status, 403);
  assert.equal(outsider.body.errcode, "M_FORBIDDEN");
});

test("threads are read apart, and a receipt without a thread reads them all", async () => {
  const roomId = await makeRoom(fixture, ada, ben);
  const root = await say(fixture, roomId, ada, "root");
  const reply = await say(fixture, roomId, ada, "reply", inThread(root));
  const last = await say(fixture, roomId, ada, "outside");
  assert.deepEqual(unread(ben, roomId), {
    total: count(3),
    main: count(2),
    threads: new Map([[root.eventId, count(1)]]),
  });
  assert.equal((await send(ben, roomId, "m.read", last, { thread_id: "main" })).status, 200);
  assert.deepEqual(unread(ben, roomId).main, count(0));
  assert.equal(unread(ben, roomId).threads.get(root.eventId)?.notification_count, 1);
  assert.equal((await send(ben, roomId, "m.read", reply, { thread_id: root.eventId })).status, 200);
  assert.deepEqual(unread(ben, roomId).total, count(0));
  assert.deepEqual(seenBy(ben, roomId), [
    {
      [last.eventId]: { "m.read": { [ben.userId]: { ts: fixture.clock.now, thread_id: "main" } } },
      [reply.eventId]: { "m.read": { [ben.userId]: { ts: fixture.clock.now, thread_id: root.eventId } } },
    },
  ]);

  await say(fixture, roomId, ada, "again", inThread(root));
  const end = await say(fixture, roomId, ada, "end");
  assert.equal(
    fixture.matrix.unread.byRoom(ben.userId).get(roomOf(fixture, roomId).nid)?.total.notification_count,
    2,
  );
  assert.equal((await send(ben, roomId, "m.read", end)).status, 200);
  assert.deepEqual(unread(ben, roomId).total, count(0));
});

test("who has read up to one event in the main timeline and in a thread shows both", async () => {
  const roomId = await makeRoom(fixture, ada, ben);
  const root = await say(fixture, roomId, ada, "root");
  for (const body of [{ thread_id: root.eventId }, { thread_id: "main" }, {}]) {
    assert.equal((await send(ben, roomId, "m.read", root, body)).status, 200);
  }
  const places = seenBy(ada, roomId)?.map((content) => {
    const { [root.eventId]: byType } = content as Record<string, Record<string, Record<string, object>>>;
    return byType?.["m.read"]?.[ben.userId];
  });
  const ts = fixture.clock.now;
  assert.deepEqual(
    new Set(places),
    new Set([{ ts }, { ts, thread_id: "main" }, { ts, thread_id: root.eventId }]),
  );
});

test("a threaded receipt must point into its thread", async () => {
  const roomId = await makeRoom(fixture, ada, ben);
  const root = await say(fixture, roomId, ada, "root");
  const reply = await say(fixture, roomId, ada, "reply", inThread(root));
  const edit = await say(fixture, roomId, ada, "edit", {
    "m.relates_to": { rel_type: "m.replace", event_id: reply.eventId },
  });
  const outside = await say(fixture, roomId, ada, "outside");
  const rejected: [RoomEvent, unknown][] = [
    [reply, "main"],
    [edit, "main"],
    [outside, root.eventId],
    [reply, outside.eventId],
    [reply, ""],
    [reply, 5],
    [reply, null],
  ];
  for (const [event, thread] of rejected) {
    const answer = await send(ben, roomId, "m.read", event, { thread_id: thread });
    assert.equal(answer.status, 400, JSON.stringify([event.pdu.content, thread]));
    assert.equal(answer.body.errcode, "M_INVALID_PARAM");
  }
  const accepted: [RoomEvent, string][] = [
    [root, "main"],
    [root, root.eventId],
    [edit, root.eventId],
  ];
  for (const [event, thread] of accepted) {
    assert.equal((await send(ben, roomId, "m.read", event, { thread_id: thread })).status, 200);
  }
});

test("unknown receipt types, events and events of other rooms are refused", async () => {
  const roomId = await makeRoom(fixture, ada, ben);
  const elsewhere = await say(fixture, await makeRoom(fixture, ben), ben, "elsewhere");
  const event = await say(fixture, roomId, ada, "one");
  assert.equal((await send(ben, roomId, "m.seen", event)).status, 400);
  assert.equal((await send(ben, roomId, "m.read", "$nothing")).status, 404);
  assert.equal((await send(ben, roomId, "m.read", elsewhere)).status, 404);
  assert.equal((await send(ben, roomId, "m.fully_read", event, { thread_id: "main" })).status, 400);
  assert.equal(unread(ben, roomId).total.notification_count, 1);
});

test("the read marker is account data apart from the receipts, and only moves forward", async () => {
  const roomId = await makeRoom(fixture, ada, ben);
  const first = await say(fixture, roomId, ada, "one");
  const second = await say(fixture, roomId, ada, "two");
  const marker = async () =>
    (
      await fixture.request(
        "GET",
        `/v3/user/${encodeURIComponent(ben.userId)}/rooms/${encodeURIComponent(roomId)}/account_data/m.fully_read`,
        { token: ben.token },
      )
    ).body;
  const mark = (body: object) =>
    fixture.request("POST", `/v3/rooms/${encodeURIComponent(roomId)}/read_markers`, {
      token: ben.token,
      body,
    });
  assert.equal((await send(ben, roomId, "m.fully_read", second)).status, 200);
  assert.deepEqual(await marker(), { event_id: second.eventId });
  assert.equal(unread(ben, roomId).total.notification_count, 2, "the marker reads nothing");
  assert.equal(seenBy(ada, roomId), undefined);

  assert.equal((await mark({ "m.fully_read": first.eventId, "m.read": first.eventId })).status, 200);
  assert.deepEqual(await marker(), { event_id: second.eventId });
  assert.equal(unread(ben, roomId).total.notification_count, 1);

  const halfWrong = await mark({ "m.read": second.eventId, "m.read.private": "$nothing" });
  assert.equal(halfWrong.status, 404);
  assert.equal(unread(ben, roomId).total.notification_count, 1, "a refused request changes nothing");
});
