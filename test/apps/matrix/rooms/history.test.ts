import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused, type ShownEvent } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const messages = async (user: House["ada"], room: string, query: string): Promise<ShownEvent> => {
  const reply = await house.call(user, "GET", `/rooms/${path(room)}/messages?${query}`);
  accepted(reply);
  return reply.body;
};
const bodies = (chunk: ShownEvent[]): string[] =>
  chunk.flatMap((event) => (event.type === "m.room.message" ? [event.content.body] : []));
const readable = async (user: House["ada"], room: string): Promise<string[]> =>
  bodies(await house.history(user, room));

/** A room of everyone's with this history visibility. */
async function roomWith(visibility: string): Promise<string> {
  const content = { history_visibility: visibility };
  const initialState = [{ type: "m.room.history_visibility", content }];
  return house.make(house.ada, { preset: "public_chat", initial_state: initialState });
}

test("pages fit together in both directions, without an end at the edge", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  const first = (await house.history(ada, room)).length;
  const texts = Array.from({ length: 25 }, (_, index) => `m${index}`);
  for (const text of texts) await house.say(ada, room, text);
  const all = (await house.history(ada, room)).map((event) => event.event_id);
  assert.equal(all.length, first + 25);

  const seen: string[] = [];
  let page = await messages(ada, room, "dir=b&limit=7");
  for (;;) {
    seen.unshift(...page.chunk.map((event: ShownEvent) => event.event_id).toReversed());
    if (page.end === undefined) break;
    const next = await messages(ada, room, `dir=b&limit=7&from=${page.end}`);
    assert.equal(next.start, page.end);
    page = next;
  }
  assert.deepEqual(seen, all);

  const forward: string[] = [];
  let from = "";
  do {
    page = await messages(ada, room, `dir=f&limit=7${from}`);
    forward.push(...page.chunk.map((event: ShownEvent) => event.event_id));
    from = `&from=${page.end}`;
  } while (page.end !== undefined);
  assert.deepEqual(forward, all);

  // The last page is exactly as long as what is left: still no end.
  const exact = await messages(ada, room, `dir=b&limit=${all.length}`);
  assert.deepEqual([exact.chunk.length, exact.end], [all.length, undefined]);
  // `to` is where it stops, and pages never exceed a hundred.
  const two = await messages(ada, room, "dir=b&limit=2");
  const between = await messages(ada, room, `dir=b&limit=50&to=${two.end}`);
  assert.deepEqual(bodies(between.chunk), ["m24", "m23"]);
});

test("a page at the present, and one of a filter's choice, lead on to an empty one", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  await house.say(ada, room, { msgtype: "m.file", body: "x", url: "mxc://burrow.localhost/x" });
  const newest = await messages(ada, room, "dir=f&limit=100");
  assert.ok(newest.end);
  const next = await messages(ada, room, `dir=f&from=${newest.end}`);
  assert.deepEqual([next.chunk, next.end], [[], undefined]);
  await house.say(ada, room, "more");
  assert.deepEqual(bodies((await messages(ada, room, `dir=f&from=${newest.end}`)).chunk), ["more"]);

  const filter = `filter=${path(JSON.stringify({ contains_url: true }))}`;
  const file = await messages(ada, room, `dir=b&${filter}`);
  assert.equal(file.chunk.length, 1);
  const older = await messages(ada, room, `dir=b&${filter}&from=${file.end}`);
  assert.deepEqual([older.chunk, older.end], [[], undefined]);
});

test("parameters of /messages are checked", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  for (const [query, errcode] of [
    ["", "M_MISSING_PARAM"],
    ["dir=x", "M_INVALID_PARAM"],
    ["dir=b&limit=-1", "M_INVALID_PARAM"],
    ["dir=b&limit=many", "M_INVALID_PARAM"],
    ["dir=b&from=t12", "M_INVALID_PARAM"],
    ["dir=b&to=s", "M_INVALID_PARAM"],
    ["dir=b&filter=%7B", "M_BAD_JSON"],
    ["dir=b&filter=%7B%22types%22%3A1%7D", "M_BAD_JSON"],
  ] as const) {
    refused(await house.call(ada, "GET", `/rooms/${path(room)}/messages?${query}`), 400, errcode);
  }
});

test("filters choose, and lazy loading brings the senders", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  for (const user of [ben, cleo]) accepted(await house.act(user, "join", room));
  await house.say(ada, room, "a");
  await house.say(ben, room, { msgtype: "m.file", body: "b", url: "mxc://burrow.localhost/x" });
  await house.say(cleo, room, "c");
  const query = async (filter: object, rest = "dir=b&limit=50") =>
    messages(ada, room, `${rest}&filter=${path(JSON.stringify(filter))}`);
  assert.deepEqual(bodies((await query({ types: ["m.room.message"] })).chunk), ["c", "b", "a"]);
  assert.deepEqual(bodies((await query({ contains_url: true })).chunk), ["b"]);
  assert.deepEqual(bodies((await query({ not_senders: [cleo.userId], types: ["m.room.m*"] })).chunk), [
    "b",
    "a",
  ]);
  assert.equal((await query({ limit: 1 })).chunk.length, 1);
  const lazy = await query({ lazy_load_members: true }, "dir=b&limit=2");
  const senders = lazy.state.map((event: ShownEvent) => [event.type, event.state_key]).toSorted();
  assert.deepEqual(senders, [
    ["m.room.member", ben.userId],
    ["m.room.member", cleo.userId],
  ]);
  assert.equal((await query({})).state, undefined);
  // As they were called then.
  accepted(await house.call(cleo, "PUT", `/profile/${path(cleo.userId)}/displayname`, { displayname: "C" }));
  const filter = { lazy_load_members: true, types: ["m.room.message"], senders: [cleo.userId] };
  assert.equal((await query(filter)).state[0].content.displayname, "cleo");
  accepted(
    await house.call(cleo, "PUT", `/profile/${path(cleo.userId)}/displayname`, { displayname: "cleo" }),
  );
});

test("shared history is for whoever joins, as far as their last stay", async () => {
  const { ada, ben, cleo } = house;
  const room = await roomWith("shared");
  await house.say(ada, room, "before");
  refused(await house.call(ben, "GET", `/rooms/${path(room)}/messages?dir=b`), 403, "M_FORBIDDEN");
  accepted(await house.act(ben, "join", room));
  await house.say(ada, room, "during");
  accepted(await house.act(ben, "leave", room));
  const later = await house.say(ada, room, "after");
  assert.deepEqual(await readable(ben, room), ["before", "during"]);
  refused(await house.event(ben, room, later), 404, "M_NOT_FOUND");
  refused(await house.event(cleo, room, later), 404, "M_NOT_FOUND");
  // Nor does an old token lead past the leave.
  const start = (await messages(ada, room, "dir=b&limit=1")).start;
  assert.deepEqual(bodies((await messages(ben, room, `dir=b&from=${start}`)).chunk), ["during", "before"]);
  accepted(await house.act(ben, "join", room));
  assert.deepEqual(await readable(ben, room), ["before", "during", "after"]);
});

test("joined history is for those who were there, at each moment", async () => {
  const { ada, ben } = house;
  const room = await roomWith("joined");
  const earlier = await house.say(ada, room, "before");
  accepted(await house.act(ben, "join", room));
  await house.say(ada, room, "during");
  accepted(await house.act(ben, "leave", room));
  const away = await house.say(ada, room, "away");
  accepted(await house.act(ben, "join", room));
  await house.say(ada, room, "again");
  assert.deepEqual(await readable(ben, room), ["during", "again"]);
  // One's own comings and goings are always one's own to see.
  const own = (await house.history(ben, room)).filter((event) => event.state_key === ben.userId);
  assert.deepEqual(
    own.map((event) => event.content.membership),
    ["join", "leave", "join"],
  );
  for (const id of [earlier, away]) {
    refused(await house.event(ben, room, id), 404, "M_NOT_FOUND");
    refused(await house.call(ben, "GET", `/rooms/${path(room)}/context/${path(id)}`), 404, "M_NOT_FOUND");
  }
});

test("invited history begins with the invitation", async () => {
  const { ada, ben } = house;
  const room = await roomWith("invited");
  await house.say(ada, room, "before");
  accepted(await house.act(ada, "invite", room, { user_id: ben.userId }));
  await house.say(ada, room, "invited");
  refused(await house.call(ben, "GET", `/rooms/${path(room)}/messages?dir=b`), 403, "M_FORBIDDEN");
  accepted(await house.act(ben, "join", room));
  await house.say(ada, room, "joined");
  assert.deepEqual(await readable(ben, room), ["invited", "joined"]);
});

test("a change of visibility counts from then on", async () => {
  const { ada, ben } = house;
  const room = await roomWith("shared");
  await house.say(ada, room, "open");
  const closed = await house.setState(ada, room, "m.room.history_visibility", {
    history_visibility: "joined",
  });
  await house.say(ada, room, "closed");
  accepted(await house.act(ben, "join", room));
  assert.deepEqual(await readable(ben, room), ["open"]);
  // The change itself is seen from either side.
  accepted(await house.event(ben, room, closed.body.event_id));
});

test("opening a room to the world does not open what came before", async () => {
  const { ada, ben } = house;
  const room = await roomWith("shared");
  accepted(await house.act(ben, "join", room));
  await house.say(ada, room, "during");
  accepted(await house.act(ben, "leave", room));
  await house.say(ada, room, "after");
  accepted(
    await house.setState(ada, room, "m.room.history_visibility", { history_visibility: "world_readable" }),
  );
  await house.say(ada, room, "open");
  assert.deepEqual(await readable(ben, room), ["during", "open"]);
  assert.deepEqual(await readable(house.cleo, room), ["open"]);
});

test("a world readable room is open to every account, and to nobody without one", async () => {
  const { ada, ben } = house;
  const room = await roomWith("world_readable");
  const id = await house.say(ada, room, "hello world");
  assert.deepEqual(await readable(ben, room), ["hello world"]);
  accepted(await house.event(ben, room, id));
  const there = await house.call(ben, "GET", `/rooms/${path(room)}/joined_members`);
  assert.deepEqual(Object.keys(there.body.joined), [ada.userId]);
  refused(
    await house.fixture.request("GET", `/v3/rooms/${path(room)}/messages?dir=b`),
    401,
    "M_MISSING_TOKEN",
  );
});

test("each event tells the reader's membership at that time", async () => {
  const { ada, ben } = house;
  const room = await roomWith("shared");
  const ids = [await house.say(ada, room, "1")];
  accepted(await house.act(ada, "invite", room, { user_id: ben.userId }));
  ids.push(await house.say(ada, room, "2"));
  accepted(await house.act(ben, "join", room));
  ids.push(await house.say(ada, room, "3"));
  const memberships = [];
  for (const id of ids) memberships.push((await house.event(ben, room, id)).body.unsigned.membership);
  assert.deepEqual(memberships, ["leave", "invite", "join"]);
  const own = (await house.history(ben, room)).findLast((event) => event.state_key === ben.userId);
  assert.equal(own.unsigned.membership, "join");
});

test("messages of the ignored are left out, their state is not", async () => {
  const { ada, ben } = house;
  const room = await roomWith("shared");
  accepted(await house.act(ben, "join", room));
  await house.say(ben, room, "noise");
  await house.say(ada, room, "signal");
  const list = `/user/${path(ada.userId)}/account_data/m.ignored_user_list`;
  accepted(await house.call(ada, "PUT", list, { ignored_users: { [ben.userId]: {} } }));
  assert.deepEqual(await readable(ada, room), ["signal"]);
  const events = await house.history(ada, room);
  assert.ok(events.some((event) => event.state_key === ben.userId));
  accepted(await house.call(ada, "PUT", list, { ignored_users: {} }));
});

test("the context of an event: what stood around it, and tokens that lead on", async () => {
  const { ada } = house;
  const room = await house.make(ada, { name: "old" });
  const ids: string[] = [];
  for (let index = 0; index < 9; index += 1) ids.push(await house.say(ada, room, `m${index}`));
  accepted(await house.setState(ada, room, "m.room.name", { name: "new" }));
  const get = async (query: string) => {
    const reply = await house.call(ada, "GET", `/rooms/${path(room)}/context/${path(ids[4]!)}?${query}`);
    accepted(reply);
    return reply.body;
  };
  const around = await get("limit=4");
  assert.deepEqual(bodies(around.events_before), ["m3", "m2"]);
  assert.equal(around.event.content.body, "m4");
  assert.deepEqual(bodies(around.events_after), ["m5", "m6"]);
  // The state is that of the last event shown, not the present one.
  const name = around.state.find((event: ShownEvent) => event.type === "m.room.name");
  assert.equal(name.content.name, "old");
  assert.deepEqual(bodies((await messages(ada, room, `dir=b&limit=2&from=${around.start}`)).chunk), [
    "m1",
    "m0",
  ]);
  assert.deepEqual(bodies((await messages(ada, room, `dir=f&limit=2&from=${around.end}`)).chunk), [
    "m7",
    "m8",
  ]);
  const alone = await get("limit=0");
  assert.deepEqual([alone.events_before, alone.events_after], [[], []]);
  const missing = `/rooms/${path(room)}/context/${path("$none")}`;
  refused(await house.call(ada, "GET", missing), 404, "M_NOT_FOUND");
});
