import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { accepted, type House, openHouse, path, refused, type ShownEvent } from "../rooms/house.ts";

let house: House;
let room: string;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());
beforeEach(async () => void (room = await house.make(house.ada, { preset: "public_chat" })));

type User = House["ada"];

async function search(user: User, term: string, more: object = {}, token?: string): Promise<ShownEvent> {
  const query = token === undefined ? "" : `?next_batch=${path(token)}`;
  const criteria = { search_term: term, ...more };
  const body = { search_categories: { room_events: criteria } };
  const reply = await house.call(user, "POST", `/search${query}`, body);
  accepted(reply);
  return reply.body.search_categories.room_events;
}
const ids = (found: ShownEvent): string[] => found.results.map(({ result }: ShownEvent) => result.event_id);
const find = async (user: User, term: string, more: object = {}): Promise<string[]> =>
  ids(await search(user, term, { ...more, filter: { rooms: [room] } }));
const redact = async (user: User, id: string): Promise<void> =>
  accepted(await house.call(user, "PUT", `/rooms/${path(room)}/redact/${path(id)}/${id.slice(1, 9)}`, {}));
const edit = (target: string, body: string): object => ({
  msgtype: "m.text",
  body: `* ${body}`,
  "m.new_content": { msgtype: "m.text", body },
  "m.relates_to": { rel_type: "m.replace", event_id: target },
});
const ignore = async (user: User, ...ignored: User[]): Promise<void> => {
  const users = Object.fromEntries(ignored.map(({ userId }) => [userId, {}]));
  const list = `/user/${path(user.userId)}/account_data/m.ignored_user_list`;
  accepted(await house.call(user, "PUT", list, { ignored_users: users }));
};
/** Every term in the index that begins so, whatever the room: what would be left on disk. */
const indexed = async (beginning: string): Promise<number> => {
  await house.fixture.matrix.searchIndex.catchUp(5000);
  const nid = house.fixture.matrix.rooms.get(room)?.nid ?? 0;
  return house.fixture.matrix.database
    .prepare<{ so: number }>("SELECT rowid AS so FROM search_words WHERE search_words MATCH ?")
    .all(`"${nid.toString(36)}:${beginning}" *`).length;
};

test("messages, names and topics are found as soon as they are sent, and only by their keys", async () => {
  const { ada } = house;
  const said = await house.say(ada, room, "A walrus in the kitchen");
  const set = async (type: string, content: object): Promise<string> =>
    (await house.setState(ada, room, type, content)).body.event_id;
  const named = await set("m.room.name", { name: "Walrus watchers" });
  const topic = await set("m.room.topic", { topic: "All of walruses" });
  await house.say(ada, room, { ciphertext: "walrus", body: "walrus" }, "m.room.encrypted");
  assert.deepEqual((await find(ada, "walrus")).toSorted(), [said, named, topic].toSorted());
  assert.deepEqual(await find(ada, "walrus", { keys: ["content.body"] }), [said]);
  assert.deepEqual(await find(ada, "walrus", { keys: ["content.name"] }), [named]);
  assert.deepEqual(await find(ada, "walrus", { keys: ["content.topic"] }), [topic]);
  assert.deepEqual(await find(ada, "kitchen WALR"), [said]);
  assert.deepEqual(await find(ada, "walrus bathroom"), []);
  const found = await search(ada, "walr", { filter: { rooms: [room] }, order_by: "recent" });
  assert.deepEqual(ids(found), [topic, named, said]);
  assert.deepEqual([found.count, found.highlights, found.next_batch], [3, ["walruses", "walrus"], undefined]);
  assert.ok(found.results.every(({ rank, result }: ShownEvent) => rank > 0 && result.room_id === room));
});

test("the better answer comes first, the newer one of equals", async () => {
  const { ada } = house;
  const passing = await house.say(
    ada,
    room,
    "of cabbages and kings and many other things besides otters as such",
  );
  const old = await house.say(ada, room, "otters");
  const much = await house.say(ada, room, "otters, otters!");
  const fresh = await house.say(ada, room, "otters");
  assert.deepEqual(await find(ada, "otter"), [much, fresh, old, passing]);
  assert.deepEqual(await find(ada, "otter", { order_by: "recent" }), [fresh, much, old, passing]);
});

test("nothing that somebody types breaks the search", async () => {
  const { ada } = house;
  const id = await house.say(ada, room, "gnu not unix");
  for (const term of [
    'gnu" OR "x',
    "gnu*",
    "gnu AND",
    "NOT gnu",
    "gnu NEAR(unix)",
    "words:gnu",
    "(gnu",
    "^gnu",
    "gnu + unix",
    "gnu;--",
    "{gnu}",
    "gnu\u0000unix",
  ]) {
    const found = await find(ada, term);
    assert.ok(found.length === 0 || found[0] === id, term);
  }
  assert.deepEqual(await find(ada, "gnu* (unix) ^ -"), [id]);
  for (const term of ["", "  ", '"', "***", "\ud800", "🦦"])
    assert.deepEqual(await find(ada, term), [], term);
});

test("pages follow each other, with one count, also while messages come", async () => {
  const { ada } = house;
  const sent: string[] = [];
  for (let index = 0; index < 7; index += 1) sent.unshift(await house.say(ada, room, `puffin ${index}`));
  for (const order of ["recent", "rank"]) {
    const more = { order_by: order, filter: { rooms: [room], limit: 3 } };
    const seen: string[] = [];
    let found = await search(ada, "puffin", more);
    for (;;) {
      assert.equal(found.count, 7 + (order === "rank" ? 1 : 0));
      seen.push(...ids(found));
      if (found.next_batch === undefined) break;
      if (seen.length === 3 && order === "recent") await house.say(ada, room, "puffin anew");
      found = await search(ada, "puffin", more, found.next_batch);
    }
    assert.deepEqual(order === "recent" ? seen : seen.slice(1), sent);
  }
});

test("groups by room and sender, each with its own next page", async () => {
  const { ada, ben } = house;
  const other = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", room));
  const [one, two, three, four] = [
    await house.say(ada, room, "heron 1"),
    await house.say(ben, room, "heron 2"),
    await house.say(ada, other, "heron 3"),
    await house.say(ada, room, "heron 4"),
  ];
  for (const order of ["recent", "rank"]) {
    const groupings = { group_by: [{ key: "room_id" }, { key: "sender" }] };
    const more = { order_by: order, groupings, filter: { rooms: [room, other], limit: 3 } };
    const { groups } = await search(ada, "heron", more);
    assert.deepEqual(groups.room_id[room].results, [four, two]);
    assert.deepEqual([groups.room_id[other].order, groups.room_id[other].results], [2, [three]]);
    assert.deepEqual(groups.sender[ada.userId].results, [four, three]);
    assert.deepEqual(ids(await search(ada, "heron", more, groups.room_id[room].next_batch)), [one]);
    assert.deepEqual(ids(await search(ada, "heron", more, groups.sender[ada.userId].next_batch)), [one]);
  }
});

test("context, profiles and state come when they are asked for", async () => {
  const { ada, ben } = house;
  accepted(await house.act(ben, "join", room));
  const texts = ["one", "two", "the needle", "four", "five"];
  for (const [index, text] of texts.entries()) await house.say(index % 2 ? ben : ada, room, text);
  const filter = { rooms: [room] };
  const event_context = { before_limit: 1, after_limit: 2, include_profile: true };
  const found = await search(ada, "needle", { filter, event_context, include_state: true });
  const [{ context }] = found.results;
  const bodies = (events: ShownEvent[]): string[] => events.map((event) => event.content.body);
  assert.deepEqual(bodies(context.events_before), ["two"]);
  assert.deepEqual(bodies(context.events_after), ["four", "five"]);
  assert.deepEqual(context.profile_info, {
    [ada.userId]: { displayname: "ada" },
    [ben.userId]: { displayname: "ben" },
  });
  const earlier = await house.call(
    ada,
    "GET",
    `/rooms/${path(room)}/messages?dir=b&limit=1&from=${context.start}`,
  );
  assert.deepEqual(bodies(earlier.body.chunk), ["one"]);
  assert.ok(found.state[room].some((event: ShownEvent) => event.type === "m.room.create"));
  assert.equal((await search(ada, "needle", { filter })).results[0].context, undefined);
});

test("an edited message is found by its new words, and by the old ones again when the edit is redacted", async () => {
  const { ada, ben } = house;
  accepted(await house.act(ben, "join", room));
  const id = await house.say(ada, room, "marmot");
  assert.deepEqual(await find(ada, "marmot"), [id]);
  const first = await house.say(ada, room, edit(id, "badger"));
  const second = await house.say(ada, room, edit(id, "weasel"));
  await house.say(ben, room, edit(id, "forgery"));
  assert.deepEqual(await find(ben, "weasel"), [id]);
  for (const gone of ["marmot", "badger", "forgery"]) assert.deepEqual(await find(ben, gone), [], gone);
  const [{ result }] = (await search(ben, "weasel", { filter: { rooms: [room] } })).results;
  assert.equal(result.unsigned["m.relations"]["m.replace"].event_id, second);
  await redact(ada, second);
  assert.deepEqual([await find(ben, "badger"), await indexed("weasel")], [[id], 0]);
  await redact(ada, first);
  assert.deepEqual([await find(ben, "marmot"), await indexed("badger")], [[id], 0]);
  // Before the index has seen any of it, and in one go.
  const quick = await house.say(ada, room, "stoat");
  await redact(ada, await house.say(ada, room, edit(quick, "polecat")));
  assert.deepEqual([await find(ada, "stoat"), await find(ada, "polecat")], [[quick], []]);
});

test("a redacted message leaves no word in the index, edited or not", async () => {
  const { ada, fixture } = house;
  // In the bytes of the table: not only what a query finds.
  const stored = (word: string): number =>
    fixture.matrix.database
      .prepare<{ blocks: number }>(
        "SELECT COUNT(*) AS blocks FROM search_words_data WHERE INSTR(block, CAST(? AS BLOB)) > 0",
      )
      .get(word)?.blocks ?? 0;
  const plain = await house.say(ada, room, "regrettable");
  const edited = await house.say(ada, room, "deplorable");
  await house.say(ada, room, edit(edited, "lamentable"));
  assert.equal((await indexed("regrettable")) + (await indexed("lamentable")), 2);
  assert.ok(stored("rettable") > 0);
  await redact(ada, plain);
  await redact(ada, edited);
  assert.equal(stored("rettable") + stored("entable"), 0);
  for (const word of ["regret", "deplor", "lament"]) assert.equal(await indexed(word), 0, word);
  const unseen = await house.say(ada, room, "unutterable");
  await redact(ada, unseen);
  assert.equal(await indexed("unutter"), 0);
});

test("only what one may read is found: by the time, the stay, and the visibility", async () => {
  const { ada, ben, cleo } = house;
  const initialState = [{ type: "m.room.history_visibility", content: { history_visibility: "joined" } }];
  room = await house.make(ada, { preset: "public_chat", initial_state: initialState });
  await house.say(ada, room, "lynx before");
  accepted(await house.act(ben, "join", room));
  const during = await house.say(ada, room, "lynx during");
  const changed = await house.say(ada, room, "lynx as it was");
  accepted(await house.act(ben, "leave", room));
  await house.say(ada, room, "lynx after");
  await house.say(ada, room, edit(changed, "secret lynx"));
  const found = await search(ben, "lynx", { filter: { rooms: [room] } });
  assert.deepEqual([ids(found).includes(during), found.count], [true, 2]);
  assert.equal((await search(ada, "lynx", { filter: { rooms: [room] } })).count, 4);
  // The edit came when ben had gone: its words tell him nothing.
  assert.deepEqual(await find(ben, "secret"), []);
  const nothing = await search(cleo, "lynx");
  assert.deepEqual(nothing, { count: 0, highlights: [], results: [] });
  accepted(await house.act(ben, "forget", room));
  assert.deepEqual(await find(ben, "lynx"), []);
});

test("the ignored are not found, and filters choose", async () => {
  const { ada, ben } = house;
  accepted(await house.act(ben, "join", room));
  const [mine, theirs] = [await house.say(ada, room, "ibex one"), await house.say(ben, room, "ibex two")];
  const picture = await house.say(ada, room, { msgtype: "m.image", body: "ibex.jpg", url: "mxc://x/y" });
  const filtered = async (filter: object): Promise<string[]> =>
    ids(await search(ada, "ibex", { order_by: "recent", filter: { rooms: [room], ...filter } }));
  assert.deepEqual(await filtered({}), [picture, theirs, mine]);
  assert.deepEqual(await filtered({ senders: [ben.userId] }), [theirs]);
  assert.deepEqual(await filtered({ contains_url: true }), [picture]);
  assert.deepEqual(await filtered({ not_rooms: [room] }), []);
  assert.deepEqual(await filtered({ types: ["m.room.topic"] }), []);
  await ignore(ada, ben);
  assert.deepEqual(await filtered({}), [picture, mine]);
  await ignore(ada);
});

test("a search that is none is refused", async () => {
  const { ada } = house;
  const ask = (criteria: unknown, query = "") =>
    house.call(ada, "POST", `/search${query}`, { search_categories: { room_events: criteria } });
  refused(await house.call(ada, "POST", "/search", {}), 400, "M_MISSING_PARAM");
  refused(await ask({}), 400, "M_MISSING_PARAM");
  refused(await ask({ search_term: 1 }), 400, "M_BAD_JSON");
  for (const more of [
    { keys: ["content.secret"] },
    { order_by: "best" },
    { groupings: { group_by: [{ key: "type" }] } },
    { event_context: { before_limit: -1 } },
    { search_term: "x ".repeat(40) },
  ]) {
    refused(await ask({ search_term: "x", ...more }), 400, "M_INVALID_PARAM");
  }
  const forged = Buffer.from("[1,2,-3,null,null]").toString("base64url");
  for (const token of ["x", forged]) {
    refused(await ask({ search_term: "x" }, `?next_batch=${token}`), 400, "M_INVALID_PARAM");
  }
  assert.deepEqual((await house.call(ada, "POST", "/search", { search_categories: {} })).body, {
    search_categories: {},
  });
});

test("the index goes on where it stopped, and is made anew by other rules", async () => {
  const { ada, fixture } = house;
  const id = await house.say(ada, room, "capybara");
  await fixture.restart();
  assert.deepEqual(await find(ada, "capybara"), [id]);
  await house.fixture.matrix.database.write(() =>
    house.fixture.matrix.database.prepare("UPDATE search_mark SET words = 'older'").run(),
  );
  assert.deepEqual(await find(ada, "capybara"), [id]);
  assert.equal(await indexed("capybara"), 1);
});
