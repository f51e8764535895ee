import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Reply } from "../apps/matrix/fixture.ts";
import { type House, openHouse, path } from "../apps/matrix/rooms/house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const atOnce = (count: number, ask: (at: number) => Promise<Reply>): Promise<Reply[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => ask(at)));

function countStatuses(replies: readonly Reply[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

test("of rooms that want one alias at the same time one is made, and nothing of the others", async () => {
  const { ada, fixture } = house;
  const rooms = (): number =>
    fixture.matrix.database.prepare<{ count: number }>("SELECT count(*) AS count FROM rooms").get()?.count ??
    0;
  const present = rooms();
  const replies = await atOnce(10, () => house.call(ada, "POST", "/createRoom", { room_alias_name: "one" }));
  assert.deepEqual(countStatuses(replies), { 200: 1, 400: 9 });
  assert.ok(replies.every(({ status, body }) => status === 200 || body.errcode === "M_ROOM_IN_USE"));
  assert.equal(rooms(), present + 1);
  const found = await house.call(ada, "GET", `/directory/room/${path("#one:burrow.localhost")}`);
  assert.equal(found.body.room_id, replies.find(({ status }) => status === 200)?.body.room_id);
});

test("of directory entries for one alias at the same time one is made", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  const where = `/directory/room/${path("#two:burrow.localhost")}`;
  const replies = await atOnce(5, () => house.call(ada, "PUT", where, { room_id: room }));
  assert.deepEqual(countStatuses(replies), { 200: 1, 409: 4 });
});

test("joins and leaves all at once leave one line of events and one membership", async () => {
  const { ada, ben, cleo, fixture } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  const replies = await atOnce(30, (at) =>
    house.act(at % 2 === 0 ? ben : cleo, at % 3 === 0 ? "leave" : "join", room),
  );
  assert.ok(replies.every(({ status }) => status === 200 || status === 403));
  const members = (await house.history(ada, room)).filter(
    (event) => event.type === "m.room.member" && event.state_key !== ada.userId,
  );
  for (const user of [ben, cleo]) {
    const own = members
      .filter((event) => event.state_key === user.userId)
      .map((event) => event.content.membership);
    // A repeat makes no event, so the line alternates.
    assert.ok(
      own.every((membership, at) => membership !== own[at - 1]),
      own.join(),
    );
    assert.equal(own.at(-1), fixture.matrix.rooms.get(room)?.members.get(user.userId));
  }
  // Each event follows the one before: nothing was chained twice.
  const made = fixture.matrix.rooms.get(room)!;
  const events = fixture.matrix.events.oldest(made, 0, Number.MAX_SAFE_INTEGER, 1000);
  for (const [at, event] of events.entries()) {
    assert.deepEqual(event.pdu.prev_events, at === 0 ? [] : [events[at - 1]?.eventId]);
    assert.equal(event.pdu.depth, at + 1);
  }
});

test("each one-time key is given out once, however many claim at the same time; then all get the fallback", async () => {
  const { ada, ben } = house;
  const keys = Object.fromEntries(
    Array.from({ length: 10 }, (_, at) => [`signed_curve25519:K${at}`, { key: `k${at}` }]),
  );
  const fallback = { "signed_curve25519:F": { key: "f", fallback: true } };
  const uploaded = await house.call(ben, "POST", "/keys/upload", {
    one_time_keys: keys,
    fallback_keys: fallback,
  });
  assert.equal(uploaded.status, 200);
  const wanted = { one_time_keys: { [ben.userId]: { [ben.deviceId]: "signed_curve25519" } } };
  const replies = await atOnce(15, () => house.call(ada, "POST", "/keys/claim", wanted));
  const names = replies.map(({ body }) => Object.keys(body.one_time_keys[ben.userId][ben.deviceId])[0]);
  const counts = Map.groupBy(names, (name) => name ?? "none");
  for (const name of Object.keys(keys)) assert.equal(counts.get(name)?.length, 1, name);
  assert.equal(counts.get("signed_curve25519:F")?.length, 5);
});

test("one transaction id makes one event, also when its repeats come at the same time", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  const send = (at: number): Promise<Reply> =>
    house.call(ada, "PUT", `/rooms/${path(room)}/send/m.room.message/same`, { body: `try ${at}` });
  const replies = await atOnce(20, send);
  assert.equal(new Set(replies.map(({ body }) => body.event_id)).size, 1);
  const texts = (await house.history(ada, room)).flatMap((event) => event.content.body ?? []);
  assert.equal(texts.length, 1);
});

test("a redaction while others read leaves nobody the text afterwards", async () => {
  const { ada, ben, fixture } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  await house.act(ben, "join", room);
  const event = await house.say(ada, room, "REGRETTED");
  const since = (await house.call(ben, "GET", "/sync")).body.next_batch;
  const reads = (): Promise<Reply>[] => [
    house.call(ben, "GET", "/sync"),
    house.call(ben, "GET", `/rooms/${path(room)}/messages?dir=b`),
    house.event(ben, room, event),
  ];
  const waiting = house.call(ben, "GET", `/sync?since=${since}&timeout=30000`);
  const redacted = house.call(ada, "PUT", `/rooms/${path(room)}/redact/${path(event)}/r`, {});
  await Promise.all([...reads(), redacted, ...reads()]);
  assert.equal((await redacted).status, 200);
  const woken = (await waiting).body.rooms.join[room].timeline.events;
  assert.equal(woken[0].type, "m.room.redaction");
  for (const reply of await Promise.all(reads()))
    assert.ok(!JSON.stringify(reply.body).includes("REGRETTED"));
  await fixture.restart();
  for (const reply of await Promise.all(reads()))
    assert.ok(!JSON.stringify(reply.body).includes("REGRETTED"));
});

test("two hundred long-polls of one device do not add up: the oldest are answered", async () => {
  const { cleo } = house;
  const since = (await house.call(cleo, "GET", "/sync")).body.next_batch;
  const polls = Array.from({ length: 200 }, () =>
    house.call(cleo, "GET", `/sync?since=${since}&timeout=30000`),
  );
  const early = await Promise.all(polls.slice(0, 192));
  assert.ok(early.every(({ status, body }) => status === 200 && body.rooms === undefined));
  // The last eight still wait, and hear of what happens.
  const made = await house.make(cleo);
  for (const { body } of await Promise.all(polls.slice(192))) assert.ok(body.rooms.join[made]);
});
