/**
 * A row in every table that knows rooms or people, then the room is deleted, the member erased: what is left is on a
 * list, with its reason. A table that comes later has to be filled here, and to be thought of.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { parseQuery } from "../../../../origin/apps/matrix/search/query.ts";
import type { User } from "../fixture.ts";
import { accepted, type House, openHouse, path } from "../rooms/house.ts";
import { everyRoom, slide } from "../sliding-sync/slide.ts";
import { type Owner, owner } from "./owner.ts";

let house: House;
let keeper: Owner;
before(async () => {
  house = await openHouse({ roomDirectory: "members" });
  keeper = await owner(house.fixture);
});
after(() => house.fixture.close());

interface Column {
  readonly table: string;
  readonly column: string;
}
const nameOf = ({ table, column }: Column): string => `${table}.${column}`;

/** Of every table, but those that SQLite and the search index keep for themselves. */
const columns = (): Column[] =>
  house.fixture.matrix.database
    .prepare<Column>(
      `SELECT m.name AS "table", c.name AS "column" FROM sqlite_master m JOIN pragma_table_info(m.name) c
       WHERE m.type = 'table' AND m.name NOT LIKE 'search!_words%' ESCAPE '!' AND m.name NOT LIKE 'sqlite%'
       ORDER BY m.name, c.cid`,
    )
    .all();

/** The columns that hold the text anywhere, or the number in a column of that name. */
function holding(text: string, number?: { column: string; value: number }): string[] {
  const { database } = house.fixture.matrix;
  const found = columns().filter(({ table, column }) => {
    const byNumber = number?.column === column;
    const condition = byNumber ? `"${column}" IN (?1, ${number.value})` : `instr("${column}", ?1)`;
    return database.prepare(`SELECT 1 FROM "${table}" WHERE ${condition} LIMIT 1`).get(text) !== undefined;
  });
  return found.map(nameOf);
}

/** Those whose name says that they hold such a thing. */
const named = (names: readonly string[]): string[] =>
  columns()
    .filter(({ column }) => names.includes(column))
    .map(nameOf);

const run = (sql: string, ...values: (string | number)[]): Promise<void> =>
  house.fixture.matrix.database.write(() => void house.fixture.matrix.database.prepare(sql).run(...values));

const keys = (user: User) => ({
  one_time_keys: { "signed_curve25519:A": { key: "a" }, "signed_curve25519:B": { key: "b" } },
  fallback_keys: { "signed_curve25519:C": { key: "c", fallback: true } },
  device_keys: {
    user_id: user.userId,
    device_id: user.deviceId,
    algorithms: ["m.megolm.v1.aes-sha2"],
    keys: { [`ed25519:${user.deviceId}`]: "k" },
    signatures: {},
  },
});

/** All that a member may leave in a room that ada has made, and elsewhere; `word` is in each text that is theirs. */
async function fill(room: string, user: User, word: string): Promise<void> {
  const { ada, ben, fixture } = house;
  const { matrix } = fixture;
  const own = `/user/${path(user.userId)}`;
  const send = async (method: string, at: string, body: object) =>
    accepted(await house.call(user, method, at, body));
  const unstable = (method: string, at: string, body: object) =>
    fixture.request(method, `/_matrix/client/unstable/${at}`, { token: user.token, body });
  const nid = matrix.rooms.get(room)!.nid;

  await send("PUT", `/profile/${path(user.userId)}/displayname`, { displayname: word });
  await send("PUT", `/directory/room/${path(`#${word}:burrow.localhost`)}`, { room_id: room });
  accepted(await house.call(ada, "PUT", `/directory/list/room/${path(room)}`, { visibility: "public" }));
  const root = await house.say(user, room, word);
  const reply = { msgtype: "m.text", body: word, "m.mentions": { user_ids: [ben.userId] } };
  const inThread = { ...reply, "m.relates_to": { rel_type: "m.thread", event_id: root } };
  await house.say(user, room, inThread);
  await house.say(user, room, {
    ...reply,
    "m.new_content": reply,
    "m.relates_to": { rel_type: "m.replace", event_id: root },
  });
  const heard = await house.say(ada, room, {
    ...inThread,
    body: "yes?",
    "m.mentions": { user_ids: [user.userId] },
  });
  await matrix.searchIndex.catchUp(5000);
  await send("POST", `/rooms/${path(room)}/receipt/m.read/${path(heard)}`, { thread_id: root });
  await send("PUT", `${own}/rooms/${path(room)}/account_data/org.example.note`, { note: word });
  await send("PUT", `${own}/account_data/org.example.note`, { note: word });
  await send("POST", `${own}/filter`, { room: { rooms: [room], timeline: { types: [word] } } });
  accepted(
    await unstable("PUT", `io.element.msc4306/rooms/${path(room)}/thread/${path(root)}/subscription`, {}),
  );
  const later = `/rooms/${path(room)}/send/m.room.message/later?org.matrix.msc4140.delay=9000000`;
  await send("PUT", later, { msgtype: "m.text", body: word });
  await send("POST", `/rooms/${path(room)}/report`, { reason: word });
  await send("POST", "/pushers/set", {
    kind: "http",
    app_id: "org.example",
    pushkey: word,
    app_display_name: word,
    device_display_name: word,
    lang: "en",
    data: { url: "https://push.example.org/_matrix/push/v1/notify" },
  });
  await send("POST", "/keys/upload", keys(user));
  const claimed = { one_time_keys: { [user.userId]: { [user.deviceId]: "signed_curve25519" } } };
  accepted(await house.call(ada, "POST", "/keys/claim", claimed));
  const note = { messages: { [user.userId]: { [user.deviceId]: { a: 1 } } } };
  accepted(await house.call(ada, "PUT", `/sendToDevice/m.test/for-${user.name}`, note));
  const hello = { messages: { [ada.userId]: { [ada.deviceId]: { a: 1 } } } };
  await send("PUT", "/sendToDevice/m.test/hello", hello);
  accepted(await house.call(ada, "POST", `/users/${path(user.userId)}/report`, { reason: "rude" }));
  const backup = { algorithm: "m.megolm_backup.v1.curve25519-aes-sha2", auth_data: { word } };
  await send("POST", "/room_keys/version", backup);
  const key = { first_message_index: 0, forwarded_count: 0, is_verified: true, session_data: { word } };
  await send(
    "PUT",
    "/room_keys/keys?version=" + (await house.call(user, "GET", "/room_keys/version")).body.version,
    {
      rooms: { [room]: { sessions: { s: key } } },
    },
  );
  await slide(house, user, everyRoom());
  const upload = await fixture.request("POST", `/_matrix/media/v3/upload?filename=${word}.txt`, {
    token: user.token,
    body: word,
    headers: { "content-type": "text/plain" },
  });
  accepted(upload);
  const resumable = await matrix.media.resumable.create(user.userId, 10, { type: "text/plain", name: word });
  assert.equal(resumable.offset, 0);

  // What takes long to come about, or valid signatures.
  await run("INSERT INTO unread_bases VALUES (?, ?, 1, '{}')", nid, user.userId);
  await run("INSERT OR REPLACE INTO server_notices VALUES (?, ?)", user.userId, nid);
  await run("INSERT INTO presence VALUES (?, 'online', ?, 1)", user.userId, word);
  await run("INSERT INTO cross_signing_keys VALUES (?, 'master', 'MASTER', '{}')", user.userId);
  await run(
    "INSERT INTO key_signatures VALUES (?, 'MASTER', ?, 'ed25519:MASTER', 's')",
    user.userId,
    user.userId,
  );
  await run("INSERT INTO key_signatures VALUES (?, 'x', ?, 'ed25519:MASTER', 's')", ada.userId, user.userId);
  await run("INSERT INTO device_list_changes VALUES (?, ?, 1)", ada.userId, user.userId);
  await run("INSERT INTO dehydrated_devices VALUES (?, 'DRY', ?, '{}')", user.userId, word);
}

test("of a deleted room nothing is left but what its list says", async () => {
  const { ada, ben, cleo, fixture } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  for (const user of [ben, cleo]) accepted(await house.act(user, "join", room));
  accepted(await house.setState(ada, room, "m.room.power_levels", { users_default: 100, users: {} }));
  await fill(room, ben, "quokka");
  const pos = (await slide(house, cleo, everyRoom())).pos;
  const { nid } = fixture.matrix.rooms.get(room)!;
  const hits = () => fixture.matrix.searchIndex.hits(nid, parseQuery("quokka"), Number.MAX_SAFE_INTEGER, 9);
  assert.notEqual(hits().length, 0);
  const mark = { column: "room", value: nid };
  const filled = holding(room, mark);
  assert.deepEqual(
    // A number of another kind.
    named(["room", "room_id"]).filter(
      (name) => !filled.includes(name) && name !== "key_backup_sessions.room",
    ),
    [],
    "each has a row before",
  );

  assert.equal((await keeper.finish("DELETE", `/rooms/${path(room)}`)).state, "done");
  const reasons: Record<string, string> = {
    "rooms.room_id": "that there was a room of this id, and that it is closed",
    "events.room": "the create event, and of each member that they are out",
    "events.pdu": "the same",
    "state.room": "the same",
    "memberships.room": "the same: a client that was away must hear of it",
    "room_summaries.room": "counts those",
    "reports.room_id": "why the owner deleted it",
    "reports.subject": "the same",
    "jobs.arguments": "what the owner ordered; for a month",
    "transactions.endpoint": "answers to requests that are repeated; for a day",
    "filters.definition": "the member's own, and names it only",
    "key_backup_rooms.room_id": "the member's own copy of their keys",
    "key_backup_sessions.room": "is a number of another kind",
    "sliding_sync_states.sent": "what a client has been told, until it is told of the end",
  };
  const left = holding(room, mark);
  assert.deepEqual(
    left.filter((name) => reasons[name] === undefined),
    [],
  );
  assert.deepEqual(hits(), []);
  const events = fixture.matrix.database
    .prepare<{ type: string; n: number }>(
      "SELECT type, count(*) AS n FROM events WHERE room = ? GROUP BY type",
    )
    .all(nid);
  assert.deepEqual(
    events.map(({ type, n }) => [type, n]),
    [
      ["m.room.create", 1],
      ["m.room.member", 3],
    ],
  );

  // A client of sliding sync goes on where it was, and one that begins sees nothing of it.
  const next = await slide(house, cleo, everyRoom(), { pos });
  assert.doesNotMatch(JSON.stringify(next), /quokka/);
  assert.equal((await slide(house, ben, everyRoom())).rooms[room]?.timeline, undefined);
  assert.deepEqual(fixture.log, []);
});

test("of an erased member nothing is left but what its list says, and their words only to those who had them", async () => {
  const { ada, cleo, fixture } = house;
  const dora = await fixture.user("dora");
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(dora, "join", room));
  accepted(await house.setState(ada, room, "m.room.power_levels", { users_default: 100, users: {} }));
  await fill(room, dora, "numbat");
  const people = ["user", "holder", "reader", "signer", "reporter", "sender", "creator", "subject"];
  const filled = holding(dora.userId);
  assert.deepEqual(
    named(people).filter((name) => !filled.includes(name) && name !== "erased_users.user"),
    [],
    "each has a row before",
  );
  const file = fixture.matrix.database
    .prepare<{ hash: string }>("SELECT hash FROM media WHERE holder = ?")
    .get(dora.userId)!.hash;
  assert.equal(await fixture.matrix.media.blobs.has(file), true);

  accepted(await keeper.ask("POST", "/members/dora/deactivate", { erase: true }));
  await fixture.matrix.keyBackups.close();
  const reasons: Record<string, string> = {
    "erased_users.user": "that they are erased",
    "profiles.user": "an empty one: without it they would be called by their name",
    "events.state_key": "rooms' history",
    "events.sender": "rooms' history: stripped for who could not read it",
    "events.pdu": "the same",
    "state.state_key": "the same",
    "memberships.user": "the same",
    "thread_participants.user": "the same",
    "aliases.creator": "the alias is the room's",
    "key_backups.user": "that the version was there, without its contents: deleting it again succeeds",
    "device_list_changes.user": "that their keys are gone, for those who shared a room",
    "reports.reporter": "the owner's record, without what they wrote",
    "reports.subject": "what others said of them: the owner's record",
    "reports.user": "the same",
    "to_device.sender": "until the other's device has fetched it",
  };
  assert.deepEqual(
    holding(dora.userId).filter((name) => reasons[name] === undefined),
    [],
  );
  assert.deepEqual(holding("numbat"), ["events.pdu", "aliases.alias"].toSorted());
  assert.equal(await fixture.matrix.media.blobs.has(file), false);

  accepted(await house.act(cleo, "join", room));
  const find = async (user: User) =>
    (
      await house.call(user, "POST", "/search", {
        search_categories: {
          room_events: { search_term: "numbat", event_context: { include_profile: true } },
        },
      })
    ).body.search_categories.room_events;
  const [hers, theirs] = [await find(ada), await find(cleo)];
  assert.deepEqual([hers.count, theirs.count, theirs.results], [2, 0, []]);
  const threads = await house.call(cleo, "GET", `/v1/rooms/${path(room)}/threads`);
  assert.equal(threads.body.chunk.length, 1);
  assert.doesNotMatch(JSON.stringify(threads.body), /numbat/);
  assert.match(
    JSON.stringify((await house.call(ada, "GET", `/v1/rooms/${path(room)}/threads`)).body),
    /numbat/,
  );
  const notifications = await house.call(cleo, "GET", "/notifications");
  assert.doesNotMatch(JSON.stringify(notifications.body), /numbat/);
  assert.deepEqual(fixture.log, []);
});

test("an upload that outlasts the account of its sender leaves nothing", async () => {
  const { fixture } = house;
  const emil = await fixture.user("emil");
  const body = new TransformStream<Uint8Array, Uint8Array>();
  const writer = body.writable.getWriter();
  const stream = { method: "POST", body: body.readable, duplex: "half" };
  const request = new Request("http://burrow.localhost/", stream);
  const sent = fixture.matrix.media.uploads.upload(emil.userId, request, { type: "text/plain", name: null });
  const refusal = assert.rejects(sent, { status: 401, errcode: "M_UNKNOWN_TOKEN" });
  await writer.write(Buffer.from("the first half"));
  accepted(await keeper.ask("POST", "/members/emil/deactivate", { erase: true }));
  await writer.close();
  await refusal;
  assert.deepEqual(
    holding(emil.userId).filter((name) => name.startsWith("media")),
    [],
  );
});
