import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { accepted, type House, openHouse, path, refused, type ShownEvent } from "./house.ts";

let house: House;
let room: string;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());
beforeEach(async () => {
  room = await house.make(house.ada, { preset: "public_chat" });
  for (const user of [house.ben, house.cleo]) accepted(await house.act(user, "join", room));
});

const edit = (target: string, body: string): object => ({
  msgtype: "m.text",
  body: `* ${body}`,
  "m.new_content": { msgtype: "m.text", body },
  "m.relates_to": { rel_type: "m.replace", event_id: target },
});
const reply = (root: string, body: string): object => ({
  msgtype: "m.text",
  body,
  "m.relates_to": { rel_type: "m.thread", event_id: root },
});
const reaction = (target: string, key: string): object => ({
  "m.relates_to": { rel_type: "m.annotation", event_id: target, key },
});
const bundle = async (user: House["ada"], id: string): Promise<ShownEvent> =>
  (await house.event(user, room, id)).body.unsigned["m.relations"];
const ids = (answer: ShownEvent): string[] => answer.chunk.map((event: ShownEvent) => event.event_id);
const redact = (user: House["ada"], id: string) =>
  house.call(user, "PUT", `/rooms/${path(room)}/redact/${path(id)}/${id.slice(1, 9)}`, {});

test("the latest edit comes with the message, and only the sender's own count", async () => {
  const { ada, ben } = house;
  const id = await house.say(ada, room, "one");
  await house.say(ada, room, edit(id, "two"));
  const last = await house.say(ada, room, edit(id, "three"));
  await house.say(ben, room, edit(id, "forged"));
  await house.say(ada, room, edit(id, "other kind"), "org.example.t");
  const shown = (await house.event(ben, room, id)).body;
  // The original keeps its words; the edit stands beside it, whole.
  assert.equal(shown.content.body, "one");
  assert.equal(shown.unsigned["m.relations"]["m.replace"].event_id, last);
  assert.equal(shown.unsigned["m.relations"]["m.replace"].content["m.new_content"].body, "three");
  const listed = (await house.history(ben, room)).find((event) => event.event_id === id);
  assert.equal(listed.unsigned["m.relations"]["m.replace"].event_id, last);
  // Of an edit there is no edit; a redacted edit gives way to the one before.
  await house.say(ada, room, edit(last, "four"));
  assert.equal(await bundle(ben, last), undefined);
  accepted(await redact(ada, last));
  assert.equal((await bundle(ben, id))["m.replace"].content["m.new_content"].body, "two");
  // And with the message goes everything that hung on it.
  accepted(await redact(ada, id));
  assert.equal(await bundle(ben, id), undefined);
});

test("a thread's root tells its last reply, their number, and whether one took part", async () => {
  const { ada, ben, cleo } = house;
  const root = await house.say(ada, room, "root");
  await house.say(ben, room, reply(root, "1"));
  const last = await house.say(ben, room, reply(root, "2"));
  await house.say(ben, room, edit(last, "two"));
  const thread = (await bundle(cleo, root))["m.thread"];
  assert.deepEqual([thread.count, thread.current_user_participated], [2, false]);
  assert.equal(thread.latest_event.event_id, last);
  assert.equal(thread.latest_event.unsigned["m.relations"]["m.replace"].content["m.new_content"].body, "two");
  for (const user of [ada, ben]) {
    assert.equal((await bundle(user, root))["m.thread"].current_user_participated, true);
  }
  accepted(await redact(ben, last));
  assert.equal((await bundle(cleo, root))["m.thread"].count, 1);
  // A thread does not start inside another.
  const inside = await house.say(ben, room, reply(root, "3"));
  const nested = await house.call(
    ben,
    "PUT",
    `/rooms/${path(room)}/send/m.room.message/nested`,
    reply(inside, "x"),
  );
  refused(nested, 400, "M_UNKNOWN");
});

test("the ignored are in no bundle", async () => {
  const { ada, ben, cleo } = house;
  const root = await house.say(ada, room, "root");
  await house.say(ben, room, reply(root, "1"));
  await house.say(cleo, room, reply(root, "2"));
  const list = `/user/${path(ada.userId)}/account_data/m.ignored_user_list`;
  accepted(await house.call(ada, "PUT", list, { ignored_users: { [cleo.userId]: {} } }));
  const thread = (await bundle(ada, root))["m.thread"];
  assert.deepEqual([thread.count, thread.latest_event.sender], [1, ben.userId]);
  accepted(await house.call(ada, "PUT", list, { ignored_users: {} }));
});

test("who has left is not told of what related later", async () => {
  const { ada, ben } = house;
  const id = await house.say(ada, room, "one");
  await house.say(ada, room, edit(id, "two"));
  const early = await house.say(ada, room, reply(id, "early"));
  accepted(await house.act(ben, "leave", room));
  await house.say(ada, room, edit(id, "three"));
  await house.say(ada, room, reply(id, "late"));
  const seen = await bundle(ben, id);
  assert.equal(seen["m.replace"].content["m.new_content"].body, "two");
  assert.deepEqual([seen["m.thread"].count, seen["m.thread"].latest_event.event_id], [1, early]);
  const children = await house.call(ben, "GET", `/v1/rooms/${path(room)}/relations/${path(id)}`);
  assert.equal(children.body.chunk.length, 2);
});

test("one reaction a person and key; references are listed", async () => {
  const { ada, ben } = house;
  const id = await house.say(ada, room, "poll");
  await house.say(ben, room, reaction(id, "👍"), "m.reaction");
  const twice = await house.call(
    ben,
    "PUT",
    `/rooms/${path(room)}/send/m.reaction/twice`,
    reaction(id, "👍"),
  );
  refused(twice, 400, "M_DUPLICATE_ANNOTATION");
  await house.say(ben, room, reaction(id, "🎉"), "m.reaction");
  await house.say(ada, room, reaction(id, "👍"), "m.reaction");
  const answer = await house.say(
    ben,
    room,
    { "m.relates_to": { rel_type: "m.reference", event_id: id } },
    "m.poll.response",
  );
  // Annotations are left to the clients to count.
  assert.deepEqual(await bundle(ada, id), { "m.reference": { chunk: [{ event_id: answer }] } });
});

test("/relations pages through the children, by kind and type, and deeper when asked", async () => {
  const { ada, ben } = house;
  const root = await house.say(ada, room, "root");
  const replies: string[] = [];
  for (let index = 0; index < 5; index += 1)
    replies.push(await house.say(ben, room, reply(root, `${index}`)));
  await house.say(ada, room, reaction(root, "👍"), "m.reaction");
  const deep = await house.say(ada, room, reaction(replies[0]!, "👍"), "m.reaction");
  const get = async (rest: string, user = ada): Promise<ShownEvent> => {
    const answer = await house.call(user, "GET", `/v1/rooms/${path(room)}/relations/${path(root)}${rest}`);
    accepted(answer);
    return answer.body;
  };
  assert.equal((await get("")).chunk.length, 6);
  assert.deepEqual(ids(await get("/m.thread?dir=f")), replies);
  assert.equal((await get("/m.thread/m.room.message")).chunk.length, 5);
  assert.equal((await get("/m.thread/m.sticker")).chunk.length, 0);

  const seen: string[] = [];
  for (let from = ""; ; ) {
    const page = await get(`/m.thread?limit=2${from}`);
    seen.push(...ids(page));
    if (page.next_batch === undefined) break;
    from = `&from=${page.next_batch}`;
  }
  assert.deepEqual(seen, replies.toReversed());

  const first = await get("/m.thread?limit=2&dir=f");
  assert.deepEqual(ids(await get(`/m.thread?dir=f&from=${first.next_batch}`)), replies.slice(2));
  assert.deepEqual(ids(await get(`/m.thread?dir=b&to=${first.next_batch}`)), replies.slice(2).toReversed());

  assert.ok(!ids(await get("")).includes(deep));
  const recursive = await get("?recurse=true");
  assert.ok(ids(recursive).includes(deep));
  assert.equal(recursive.recursion_depth, 3);
  refused(
    await house.call(ada, "GET", `/v1/rooms/${path(room)}/relations/${path("$none")}`),
    404,
    "M_NOT_FOUND",
  );
});

test("nobody hangs their words on a message of a room they are not in", async () => {
  const { ada, ben } = house;
  const id = await house.say(ada, room, "here");
  accepted(await house.act(ben, "leave", room));
  const elsewhere = await house.make(ben);
  await house.say(ben, elsewhere, reply(id, "from afar"));
  await house.say(
    ben,
    elsewhere,
    { "m.relates_to": { rel_type: "m.reference", event_id: id } },
    "org.example.t",
  );
  assert.equal(await bundle(ada, id), undefined);
});

test("odd relations are only content", async () => {
  const { ada } = house;
  for (const relation of [null, 1, "x", [], {}, { rel_type: 1, event_id: 2 }, { rel_type: "m.thread" }]) {
    accepted(await house.event(ada, room, await house.say(ada, room, { "m.relates_to": relation })));
  }
});
