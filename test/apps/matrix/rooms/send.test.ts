import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const text = (size: number): object => ({ body: "x".repeat(size) });

const send = (user: House["ada"], room: string, txn: string, content: unknown, type = "m.room.message") =>
  house.call(user, "PUT", `/rooms/${path(room)}/send/${type}/${txn}`, content);

test("a repeat gets the first answer, in its own room, type and device alone", async () => {
  const { ada } = house;
  const [room, other] = [await house.make(ada), await house.make(ada)];
  const phone = await house.fixture.user("ada");
  const first = (await send(ada, room, "t1", { body: "1" })).body.event_id;
  assert.equal((await send(ada, room, "t1", { body: "changed" })).body.event_id, first);
  assert.notEqual((await send(ada, other, "t1", { body: "1" })).body.event_id, first);
  assert.notEqual((await send(ada, room, "t1", { body: "1" }, "org.example.t")).body.event_id, first);
  assert.notEqual((await send(phone, room, "t1", { body: "1" })).body.event_id, first);
  assert.equal((await house.event(ada, room, first)).body.content.body, "1");
  // At the same time: one event.
  const replies = await Promise.all(Array.from({ length: 8 }, () => send(ada, room, "t2", { body: "2" })));
  assert.equal(new Set(replies.map((reply) => reply.body.event_id)).size, 1);
  // After a restart as before.
  await house.fixture.restart();
  assert.equal((await send(ada, room, "t1", { body: "1" })).body.event_id, first);
});

test("only the sending device sees its transaction id", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", room));
  const phone = await house.fixture.user("ada");
  const id = (await send(ada, room, "mine", { body: "x" })).body.event_id;
  const seen = async (user: House["ada"]) => (await house.event(user, room, id)).body.unsigned.transaction_id;
  assert.deepEqual([await seen(ada), await seen(phone), await seen(ben)], ["mine", undefined, undefined]);
});

test("bad events are told what is wrong, and change nothing", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada);
  const count = (await house.history(ada, room)).length;
  for (const [content, status, errcode] of [
    [text(65_536), 413, "M_TOO_LARGE"],
    [{ body: "ü".repeat(32_768) }, 413, "M_TOO_LARGE"],
    ['{"n": 0.5}', 400, "M_BAD_JSON"],
    ['{"n": 1e400}', 400, "M_BAD_JSON"],
    ['{"n": 9007199254740992}', 400, "M_BAD_JSON"],
    ['{"n": "\\ud800"}', 400, "M_BAD_JSON"],
    [`{"n":${"[".repeat(3000)}${"]".repeat(3000)}}`, 400, "M_BAD_JSON"],
    ["{", 400, "M_NOT_JSON"],
    ["", 400, "M_NOT_JSON"],
    ["[]", 400, "M_BAD_JSON"],
    ["null", 400, "M_BAD_JSON"],
    ['"text"', 400, "M_BAD_JSON"],
  ] as const) {
    refused(await send(ada, room, "bad", content), status, errcode);
  }
  refused(await send(ada, room, "bad", {}, "t".repeat(256)), 413, "M_TOO_LARGE");
  refused(await house.setState(ada, room, "t", {}, "k".repeat(256)), 413, "M_TOO_LARGE");
  refused(await send(ada, room, "bad", {}, "m.room.create"), 400, "M_BAD_JSON");
  refused(await send(ben, room, "bad", {}), 403, "M_FORBIDDEN");
  refused(await send(ada, "!no:burrow.localhost", "bad", {}), 403, "M_FORBIDDEN");
  assert.equal((await house.history(ada, room)).length, count);
  assert.deepEqual(house.fixture.log, []);
  // What is refused may be tried again with the same id, and the largest event goes through.
  accepted(await send(ada, room, "bad", text(64_000)));
});

for (const version of ["1", "3", "10", "11", "12"]) {
  test(`version ${version}: a redaction really removes the text, and says so in both places`, async () => {
    const { ada, ben, cleo } = house;
    const room = await house.make(ada, { preset: "public_chat", room_version: version });
    for (const user of [ben, cleo]) accepted(await house.act(user, "join", room));
    const id = await house.say(ben, room, "secret");
    const redact = (user: House["ada"], event: string, txn: string) =>
      house.call(user, "PUT", `/rooms/${path(room)}/redact/${path(event)}/${txn}`, { reason: "why" });
    refused(await redact(cleo, id, "r0"), 403, "M_FORBIDDEN");
    refused(await redact(ada, "$nothing", "r0"), 404, "M_NOT_FOUND");
    const elsewhere = await house.say(ada, await house.make(ada), "x");
    refused(await redact(ada, elsewhere, "r0"), 404, "M_NOT_FOUND");

    const first = (await redact(ben, id, "r1")).body.event_id;
    assert.equal((await redact(ben, id, "r1")).body.event_id, first);
    const shown = (await house.event(cleo, room, id)).body;
    assert.deepEqual(shown.content, {});
    assert.equal(shown.unsigned.redacted_because.event_id, first);
    assert.equal(shown.unsigned.redacted_because.content.reason, "why");
    const redaction = (await house.event(cleo, room, first)).body;
    assert.deepEqual([redaction.redacts, redaction.content], [id, { reason: "why", redacts: id }]);
    // The text is nowhere in the file's rows any more.
    const kept = house.fixture.matrix.database.prepare<{ n: number }>(
      "SELECT count(*) AS n FROM events WHERE pdu LIKE '%secret%'",
    );
    assert.equal(kept.get()?.n, 0);
    // By /send as well, where the target stands in the content; and the room's keeper may, for anyone.
    const another = await house.say(ben, room, "more");
    await house.say(ada, room, { redacts: another }, "m.room.redaction");
    assert.deepEqual((await house.event(ben, room, another)).body.content, {});
    const create = (await house.history(ada, room))[0].event_id;
    refused(await redact(ada, create, "r2"), 403, "M_FORBIDDEN");
  });
}

test("redacted state loses its words for the present too", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  const id = (await house.setState(ada, room, "m.room.topic", { topic: "secret" })).body.event_id;
  accepted(await house.call(ada, "PUT", `/rooms/${path(room)}/redact/${path(id)}/r1`, {}));
  const read = () => house.call(ada, "GET", `/rooms/${path(room)}/state/m.room.topic`);
  assert.deepEqual((await read()).body, {});
  await house.fixture.restart();
  assert.deepEqual((await read()).body, {});
  // And saying the same again is news, not a repeat.
  const again = (await house.setState(ada, room, "m.room.topic", { topic: "secret" })).body.event_id;
  assert.notEqual(again, id);
  const shown = (await house.event(ada, room, again)).body;
  assert.deepEqual(shown.unsigned.prev_content, {});
});
