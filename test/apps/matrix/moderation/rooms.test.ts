import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accepted, type House, openHouse, path, refused, type ShownEvent } from "../rooms/house.ts";
import { type Owner, owner } from "./owner.ts";

let house: House;
let keeper: Owner;
before(async () => {
  house = await openHouse();
  keeper = await owner(house.fixture);
});
after(() => house.fixture.close());

const rowsOf = (table: string, roomId: string): number =>
  house.fixture.matrix.database
    .prepare<{ count: number }>(
      `SELECT count(*) AS count FROM ${table} t JOIN rooms r ON r.nid = t.room WHERE r.room_id = ?`,
    )
    .get(roomId)?.count ?? -1;

/** Every table that has rows of a room. */
const tablesOfRooms = (): string[] =>
  house.fixture.matrix.database
    .prepare<{ name: string }>(
      `SELECT DISTINCT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
       WHERE m.type = 'table' AND c.name = 'room' ORDER BY m.name`,
    )
    .all()
    .map(({ name }) => name);

test("the list shows rooms with their figures, sorted, searched and in pages", async () => {
  const { ada, ben } = house;
  const kitchen = await house.make(ada, { name: "Kitchen", preset: "public_chat" });
  const cellar = await house.make(ada, {
    name: "Cellar",
    initial_state: [{ type: "m.room.encryption", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
  });
  await house.act(ben, "join", kitchen);
  for (let count = 0; count < 5; count += 1) await house.say(ada, kitchen, "x".repeat(500));
  house.fixture.clock.now += 1000;
  const last = await house.say(ada, cellar, "cold");

  const { body } = await keeper.ask("GET", "/rooms?sort=size&limit=1");
  const [first] = body.rooms;
  assert.deepEqual(
    [first.room_id, first.name, first.members, first.encrypted],
    [kitchen, "Kitchen", 2, false],
  );
  assert.ok(first.bytes > 2500 && first.events > 10);
  const second = await keeper.ask("GET", `/rooms?sort=size&limit=1&from=${body.next}`);
  assert.equal(second.body.rooms[0].room_id, cellar);
  assert.equal(second.body.next, undefined);
  const ids = async (query: string) =>
    (await keeper.ask("GET", `/rooms?${query}`)).body.rooms.map((one: ShownEvent) => one.room_id);
  assert.deepEqual(await ids("sort=activity"), [cellar, kitchen]);
  assert.deepEqual(await ids("sort=name"), [cellar, kitchen]);
  assert.deepEqual(await ids("search=kitch"), [kitchen]);
  assert.deepEqual(await ids("encrypted=true"), [cellar]);
  refused(await keeper.ask("GET", "/rooms?sort=smell"), 400, "M_INVALID_PARAM");

  await house.act(ben, "leave", kitchen);
  await house.setState(ada, cellar, "m.room.name", { name: "Vault" });
  const shown = (await keeper.ask("GET", `/rooms/${path(cellar)}`)).body;
  assert.deepEqual([shown.name, shown.encrypted, shown.creator], ["Vault", true, ada.userId]);
  assert.equal((await keeper.ask("GET", `/rooms/${path(kitchen)}`)).body.members, 1);
  const name = (await house.history(ada, cellar)).find((event) => event.content.name === "Vault");
  accepted(await house.call(ada, "PUT", `/rooms/${path(cellar)}/redact/${path(name.event_id)}/r1`, {}));
  assert.equal((await keeper.ask("GET", `/rooms/${path(cellar)}`)).body.name, null);
  const members = await keeper.ask("GET", `/rooms/${path(cellar)}/members`);
  assert.deepEqual(members.body.members, [{ user_id: ada.userId, membership: "join" }]);
  assert.ok(last);
});

test("a deleted room is gone for everyone, in all tables, and stays so over a restart", async () => {
  const { ada, ben, cleo, fixture } = house;
  const room = await house.make(ada, {
    name: "Attic",
    preset: "public_chat",
    room_alias_name: "attic",
    invite: [cleo.userId],
  });
  await house.act(ben, "join", room);
  const away = (await house.call(ben, "GET", "/sync")).body.next_batch;
  for (let count = 0; count < 250; count += 1) await house.say(ada, room, `words ${count}`);
  const last = await house.say(ada, room, {
    msgtype: "m.text",
    body: "ben",
    "m.mentions": { user_ids: [ben.userId] },
  });
  await house.call(ben, "POST", `/rooms/${path(room)}/receipt/m.read/${path(last)}`, {});
  await house.call(ben, "PUT", `/user/${path(ben.userId)}/rooms/${path(room)}/tags/u.x`, {});

  const job = await keeper.finish("DELETE", `/rooms/${path(room)}`, { reason: "spam" });
  assert.deepEqual([job.state, job.error], ["done", null]);
  assert.equal(job.done, job.total, "the progress ends where it said");

  for (const user of [ada, ben, cleo]) {
    refused(await house.act(user, "join", room), 404, "M_NOT_FOUND");
    assert.ok(!(await house.call(user, "GET", "/joined_rooms")).body.joined_rooms.includes(room));
  }
  refused(
    await house.call(ben, "GET", `/directory/room/${path("#attic:burrow.localhost")}`),
    404,
    "M_NOT_FOUND",
  );
  refused(await keeper.ask("GET", `/rooms/${path(room)}`), 404, "M_NOT_FOUND");
  // A client that was away hears that it is out.
  const back = await house.call(ben, "GET", `/sync?since=${away}`);
  const left = back.body.rooms.leave[room];
  assert.equal(left.timeline.events.at(-1).content.reason, "spam");
  assert.doesNotMatch(JSON.stringify(back.body), /words/);

  const kept: Record<string, number> = { events: 4, state: 4, memberships: 3, room_summaries: 1 };
  for (const table of tablesOfRooms()) assert.equal(rowsOf(table, room), kept[table] ?? 0, table);

  await fixture.restart();
  refused(await house.act(ben, "join", room), 404, "M_NOT_FOUND");
  accepted(await house.act(ben, "forget", room));
});

test("from the first write on nobody enters a room that is being deleted, or speaks in it", async () => {
  const { ada, ben, fixture } = house;
  const { database, rooms } = fixture.matrix;
  const room = await house.make(ada, { preset: "public_chat" });
  await database.write((transaction) => rooms.close(transaction, rooms.get(room)!, fixture.clock.now));
  refused(await house.act(ben, "join", room), 403, "M_FORBIDDEN");
  refused(
    await house.call(ada, "PUT", `/rooms/${path(room)}/send/m.room.message/last`, { body: "still" }),
    403,
    "M_FORBIDDEN",
  );
  accepted(await house.act(ada, "leave", room));
});

test("history before a time is purged, and the room lives on", async () => {
  const { ada, ben, cleo, fixture } = house;
  const room = await house.make(ada, { preset: "public_chat", topic: "old topic" });
  await house.act(ben, "join", room);
  await house.act(ben, "leave", room);
  for (let count = 0; count < 300; count += 1) await house.say(ada, room, `old ${count}`);
  await house.setState(ada, room, "m.room.topic", { topic: "new topic" });
  fixture.clock.now += 60_000;
  const then = new Date(fixture.clock.now).toISOString();
  await house.act(ben, "join", room);
  await house.say(ada, room, "young");
  const started = rowsOf("events", room);

  const job = await keeper.finish("POST", `/rooms/${path(room)}/purge-history`, { before: then });
  assert.equal(job.state, "done", job.error);
  assert.equal(started - rowsOf("events", room), job.done);
  assert.ok(job.done > 300);
  const bodies = (await house.history(ada, room))
    .filter((event) => event.type === "m.room.message")
    .map((event) => event.content.body);
  assert.deepEqual(bodies, ["young"]);
  const topic = await house.call(ada, "GET", `/rooms/${path(room)}/state/m.room.topic`);
  assert.equal(topic.body.topic, "new topic");
  await fixture.restart();
  accepted(await house.act(cleo, "join", room));
  await house.say(cleo, room, "still works");
  assert.match(JSON.stringify(await house.history(cleo, room)), /young.*still works/);
  refused(
    await keeper.ask("POST", `/rooms/${path(room)}/purge-history`, { before: "2999-01-01" }),
    400,
    "M_INVALID_PARAM",
  );
});

test("a member's messages are redacted everywhere, also where the owner is not, and state stays", async () => {
  const { ada, fixture } = house;
  const eve = await fixture.user("eve");
  const rooms = [await house.make(ada, { preset: "public_chat" }), await house.make(eve, { name: "Eve's" })];
  for (const room of rooms) {
    await house.act(eve, "join", room);
    for (let count = 0; count < 25; count += 1) await house.say(eve, room, `evil ${count}`);
  }
  await house.say(ada, rooms[0]!, "good");
  await house.act(ada, "kick", rooms[0]!, { user_id: eve.userId });
  const first = await keeper.finish("POST", "/members/eve/redact", { room_id: rooms[0], reason: "spam" });
  assert.deepEqual([first.state, first.done], ["done", 25]);
  const seen = await house.history(ada, rooms[0]!);
  assert.doesNotMatch(JSON.stringify(seen), /evil/);
  assert.match(JSON.stringify(seen), /good/);
  const redacted = seen.find((event) => event.unsigned.redacted_because);
  assert.equal(redacted.unsigned.redacted_because.sender, keeper.user.userId);
  assert.equal(redacted.unsigned.redacted_because.content.reason, "spam");
  assert.match(JSON.stringify(await house.history(eve, rooms[1]!)), /evil/);

  const everywhere = await keeper.finish("POST", "/members/eve/redact");
  assert.deepEqual([everywhere.state, everywhere.done], ["done", 25]);
  assert.doesNotMatch(JSON.stringify(await house.history(eve, rooms[1]!)), /evil/);
  assert.equal((await keeper.ask("GET", `/rooms/${path(rooms[1]!)}`)).body.name, "Eve's");
});

test("a job goes on where it was after a restart, and can be cancelled", async () => {
  const { fixture } = house;
  const fay = await fixture.user("fay");
  const room = await house.make(fay);
  for (let count = 0; count < 60; count += 1) await house.say(fay, room, `said ${count}`);
  const started = await keeper.ask("POST", "/members/fay/redact", {});
  assert.deepEqual([started.body.job.state, started.body.job.done], ["waiting", 0]);
  // One write of the job, or two, and the server stops.
  await fixture.restart();
  const { id } = started.body.job;
  const again = await keeper.ask("GET", `/jobs/${id}`);
  assert.equal(again.body.ended_at, null);
  for (;;) {
    const { body } = await keeper.ask("GET", `/jobs/${id}`);
    if (body.ended_at !== null) {
      assert.deepEqual([body.state, body.done], ["done", 60]);
      break;
    }
    await fixture.matrix.database.write(() => {});
  }
  const events = await house.history(fay, room);
  assert.equal(events.filter((event) => event.type === "m.room.redaction").length, 60, "none twice");

  for (let count = 0; count < 60; count += 1) await house.say(fay, room, `more ${count}`);
  const second = await keeper.ask("POST", "/members/fay/redact", {});
  const cancelled = await keeper.ask("DELETE", `/jobs/${second.body.job.id}`);
  assert.equal(cancelled.body.state, "cancelled");
  refused(await keeper.ask("DELETE", `/jobs/${second.body.job.id}`), 404, "M_NOT_FOUND");
  const jobs = (await keeper.ask("GET", "/jobs?limit=2")).body.jobs;
  assert.deepEqual(
    jobs.map((job: ShownEvent) => job.state),
    ["cancelled", "done"],
  );
  assert.match(JSON.stringify(await house.history(fay, room)), /more 59/);
});
