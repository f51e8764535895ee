import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { matrixAfterRestore } from "../../../../origin/apps/matrix/store/after-restore.ts";
import type { User } from "../fixture.ts";
import { type Chat, createChat } from "../sync/chat.ts";
import { ask, bodies, everyRoom, type Place, slide } from "./slide.ts";

let chat: Chat;
let ada: User;
let ben: User;
before(async () => {
  chat = await createChat();
  ada = await chat.fixture.user("ada");
  ben = await chat.fixture.user("ben");
});
after(async () => {
  assert.deepEqual(chat.fixture.log, []);
  await chat.close();
});

async function refused(user: User, body: unknown, place: Place): Promise<void> {
  const reply = await ask(chat, user, body, place);
  assert.deepEqual([reply.status, reply.body.errcode], [400, "M_UNKNOWN_POS"]);
}

const named = (connId: string): object => ({ conn_id: connId, ...everyRoom() });

test("a position that the server did not give, or gave to another, is unknown", async () => {
  const other = await chat.fixture.user("ada", { deviceId: "OTHER" });
  const { pos } = await slide(chat, ada, named("main"));
  for (const wrong of [
    "1",
    "s1_0",
    "'",
    `${pos}x`,
    pos.replace(/~(\w)/, (_match: string, first: string) => (first === "0" ? "~1" : "~0")),
    pos.replace(/\.\d+\./, ".77."),
  ]) {
    await refused(ada, named("main"), { pos: wrong });
  }
  await refused(other, named("main"), { pos });
  await refused(ben, named("main"), { pos });
  await refused(ada, named("another"), { pos });
  await slide(chat, ada, named("main"), { pos });
});

test("a repeated position gives the news again, also when the request asks for something else", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben], name: "Repeat" });
  const quiet = await chat.createRoom(ada, { members: [ben] });
  const first = await slide(chat, ada, everyRoom());
  await chat.send(ben, roomId, "lost?");
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const again = await slide(chat, ada, everyRoom(), { pos: first.pos });
    assert.deepEqual(bodies(again.rooms[roomId].timeline), ["lost?"]);
    assert.equal(again.rooms[roomId].initial, undefined);
    assert.equal(again.rooms[quiet], undefined);
  }
  const wider = everyRoom({ required_state: [["m.room.name", ""]] });
  const other = await slide(chat, ada, wider, { pos: first.pos });
  assert.deepEqual(bodies(other.rooms[roomId].timeline), ["lost?"]);
  assert.equal(other.rooms[roomId].required_state[0].content.name, "Repeat");
  const last = await slide(chat, ada, wider, { pos: other.pos });
  assert.deepEqual(last.rooms, {});
  await refused(ada, wider, { pos: first.pos });
});

test("a room first sent in an answer that was lost is sent whole again", async () => {
  const start = await slide(chat, ada, everyRoom());
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const lost = await slide(chat, ada, everyRoom(), { pos: start.pos });
  assert.equal(lost.rooms[roomId].initial, true);
  const again = await slide(chat, ada, everyRoom(), { pos: start.pos });
  assert.equal(again.rooms[roomId].initial, true);
  // Either answer may be the one that the client has read.
  assert.deepEqual((await slide(chat, ada, everyRoom(), { pos: lost.pos })).rooms, {});
});

test("connections of one device are apart, and one begun anew replaces the old", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const one = await slide(chat, ada, named("one"));
  const two = await slide(chat, ada, named("two"));
  await chat.send(ben, roomId, "for both");
  for (const [connId, { pos }] of [["one", one] as const, ["two", two] as const]) {
    const { rooms } = await slide(chat, ada, named(connId), { pos });
    assert.deepEqual(bodies(rooms[roomId].timeline), ["for both"]);
  }
  const anew = await slide(chat, ada, named("one"));
  assert.equal(anew.rooms[roomId].initial, true);
  await refused(ada, named("one"), { pos: one.pos });
});

test("a connection goes on after a restart where it was", async () => {
  const old = await chat.createRoom(ada, { members: [ben] });
  const left = await chat.createRoom(ada, { members: [ben] });
  const narrow = { ...named("kept"), extensions: { account_data: { enabled: true } } };
  const first = await slide(chat, ada, narrow);
  await chat.send(ben, old, "before");
  const { pos } = await slide(chat, ada, narrow, { pos: first.pos });
  await chat.member(ada, left, "leave");
  await chat.fixture.restart();
  const fresh = await chat.createRoom(ada, { members: [ben] });
  await chat.send(ben, old, "after");
  const { rooms, extensions } = await slide(chat, ada, narrow, { pos });
  assert.deepEqual(Object.keys(rooms).toSorted(), [old, left, fresh].toSorted());
  assert.deepEqual(bodies(rooms[old].timeline), ["after"]);
  assert.deepEqual([rooms[old].initial, rooms[fresh].initial], [undefined, true]);
  assert.deepEqual(extensions, {}, "the rules have been told before");
});

test("a position that a restore took back is unknown, one of before the backup goes on", async () => {
  const { matrix } = chat.fixture;
  const earlier = await slide(chat, ben, named("of before"));
  await matrix.database.write(() => {
    for (const statement of matrixAfterRestore.split(";").filter((text) => text.trim() !== "")) {
      matrix.database.prepare(statement).run();
    }
  });
  await chat.fixture.restart();
  const lost = earlier.pos.replace(/^s(\d+)/, (_: string, so: string) => `s${Number(so) + 5}`);
  await refused(ben, named("of before"), { pos: lost });
  assert.deepEqual((await slide(chat, ben, named("of before"), { pos: earlier.pos })).rooms, {});
});

test("a device has a bounded number of connections, the oldest of which is forgotten", async () => {
  const first = await slide(chat, ben, named("first"));
  for (let index = 0; index < 12; index += 1) {
    chat.fixture.clock.now += 1;
    await slide(chat, ben, named(`more ${index}`));
  }
  await chat.fixture.matrix.database.write(() => {});
  await refused(ben, named("first"), { pos: first.pos });
});

test("what is kept of a connection does not grow with its answers", async () => {
  const count = (): number =>
    chat.fixture.matrix.database
      .prepare<{ n: number }>("SELECT count(*) AS n FROM sliding_sync_states WHERE conn_id = 'grows'")
      .get()!.n;
  let { pos } = await slide(chat, ada, named("grows"));
  for (let index = 0; index < 6; index += 1) {
    await chat.createRoom(ada);
    // Each of these sends a new room, and the client reads one of two.
    await slide(chat, ada, named("grows"), { pos });
    ({ pos } = await slide(chat, ada, named("grows"), { pos }));
  }
  const room = await chat.createRoom(ada);
  for (let index = 0; index < 8; index += 1) await slide(chat, ada, named("grows"), { pos });
  await chat.send(ada, room, "settled");
  assert.ok(count() <= 5, `${count()} states`);
});

test("signing out ends the device's connections", async () => {
  const phone = await chat.fixture.user("ada", { deviceId: "PHONE" });
  await slide(chat, phone, named("room-list"));
  await chat.fixture.request("POST", "/v3/logout", { token: phone.token, body: {} });
  const again = await chat.fixture.user("ada", { deviceId: "PHONE" });
  const rows = chat.fixture.matrix.database.prepare(
    "SELECT 1 FROM sliding_sync_states WHERE user = ? AND device = 'PHONE'",
  );
  assert.deepEqual(rows.all(again.userId), []);
});

test("a position is a place in /messages too", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  await chat.send(ben, roomId, "older");
  const { pos } = await slide(chat, ada, everyRoom());
  await chat.send(ben, roomId, "newer");
  const path = `/v3/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=1&from=${encodeURIComponent(pos)}`;
  const reply = await chat.fixture.request("GET", path, { token: ada.token });
  assert.deepEqual(bodies(reply.body.chunk), ["older"]);
});

test("more connections at once than memory holds keep their positions all the same", async () => {
  const { slidingConnections: connections, database, stream } = chat.fixture.matrix;
  const keys = Array.from({ length: 600 }, (_, index) => ({
    userId: "@many:burrow.localhost",
    deviceId: `D${index}`,
    connId: "main",
  }));
  const opened = keys.map((key) => connections.open(key));
  const kept = opened.map(({ connection, sent }) => connections.keep(connection, sent));
  await database.write(() => {});
  for (const [index, key] of keys.entries()) {
    const { instance } = opened[index]!.connection;
    const state = kept[index]!.number;
    const { sent } = connections.resume(key, { so: stream.current(), typing: 0, instance, state, answer: 1 });
    assert.equal(sent.number, state);
  }
});
