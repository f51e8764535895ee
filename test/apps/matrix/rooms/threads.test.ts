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

const reply = (root: string, body: string): object => ({
  msgtype: "m.text",
  body,
  "m.relates_to": { rel_type: "m.thread", event_id: root },
});
const redact = async (user: House["ada"], id: string): Promise<void> =>
  accepted(await house.call(user, "PUT", `/rooms/${path(room)}/redact/${path(id)}/${id.slice(1, 9)}`, {}));
const get = async (user: House["ada"], query = ""): Promise<ShownEvent> => {
  const answer = await house.call(user, "GET", `/v1/rooms/${path(room)}/threads?${query}`);
  accepted(answer);
  return answer.body;
};
const ids = (answer: ShownEvent): string[] => answer.chunk.map((event: ShownEvent) => event.event_id);
const bundle = (event: ShownEvent): ShownEvent => event.unsigned["m.relations"]["m.thread"];
const ignore = async (user: House["ada"], ...ignored: House["ada"][]): Promise<void> => {
  const users = Object.fromEntries(ignored.map(({ userId }) => [userId, {}]));
  const list = `/user/${path(user.userId)}/account_data/m.ignored_user_list`;
  accepted(await house.call(user, "PUT", list, { ignored_users: users }));
};

async function threads(count: number): Promise<string[]> {
  const roots: string[] = [];
  for (let index = 0; index < count; index += 1)
    roots.push(await house.say(house.ada, room, `root ${index}`));
  for (const root of roots) await house.say(house.ben, room, reply(root, "first"));
  return roots;
}

test("threads stand in the order of their last replies, each with its bundle", async () => {
  const { ada, ben, cleo } = house;
  const [one = "", two = ""] = await threads(2);
  await house.say(ada, room, "no thread");
  assert.deepEqual(ids(await get(cleo)), [two, one]);
  const last = await house.say(ada, room, reply(one, "second"));
  const answer = await get(cleo);
  assert.deepEqual(ids(answer), [one, two]);
  assert.equal(answer.next_batch, undefined);
  assert.deepEqual([bundle(answer.chunk[0]).count, bundle(answer.chunk[0]).latest_event.event_id], [2, last]);
  assert.equal(bundle(answer.chunk[0]).current_user_participated, false);
  assert.equal(bundle((await get(ben)).chunk[0]).current_user_participated, true);
});

test("pages neither repeat nor lose a thread while new replies come", async () => {
  const { ada, cleo } = house;
  const roots = await threads(5);
  const first = await get(cleo, "limit=2");
  assert.deepEqual(ids(first), [roots[4], roots[3]]);
  // One that has been read, and a new one.
  await house.say(ada, room, reply(roots[3]!, "more"));
  const [fresh = ""] = await threads(1);
  const second = await get(cleo, `limit=2&from=${first.next_batch}`);
  assert.deepEqual(ids(second), [roots[2], roots[1]]);
  const third = await get(cleo, `limit=2&from=${second.next_batch}`);
  assert.deepEqual([ids(third), third.next_batch], [[roots[0]], undefined]);
  assert.deepEqual(ids(await get(cleo, "limit=2")), [fresh, roots[3]]);
});

test("participated: by the root or by a reply that is still there", async () => {
  const { ada, ben, cleo } = house;
  const [one = "", two = ""] = await threads(2);
  assert.deepEqual(ids(await get(ada, "include=participated")), [two, one]);
  assert.deepEqual(ids(await get(ben, "include=participated")), [two, one]);
  assert.deepEqual(ids(await get(cleo, "include=participated")), []);
  const once = await house.say(cleo, room, reply(one, "mine"));
  const again = await house.say(cleo, room, reply(one, "mine too"));
  assert.deepEqual(ids(await get(cleo, "include=participated")), [one]);
  await redact(cleo, once);
  assert.deepEqual(ids(await get(cleo, "include=participated")), [one]);
  await redact(cleo, again);
  assert.deepEqual(ids(await get(cleo, "include=participated")), []);
});

test("a redacted reply gives the thread its former place; without replies it is none", async () => {
  const { ada, ben } = house;
  const [one = "", two = ""] = await threads(2);
  const last = await house.say(ben, room, reply(one, "second"));
  assert.deepEqual(ids(await get(ada)), [one, two]);
  await redact(ben, last);
  assert.deepEqual(ids(await get(ada)), [two, one]);
  const [only] = (await get(ada)).chunk.map((event: ShownEvent) => bundle(event).latest_event.event_id);
  await redact(ben, only);
  assert.deepEqual(ids(await get(ada)), [one]);
  // The root alone gone: the thread goes on.
  await redact(ada, one);
  const [root] = (await get(ada)).chunk;
  assert.deepEqual([root.event_id, root.content, bundle(root).count], [one, {}, 1]);
});

test("the ignored start threads without words, and their replies alone make none", async () => {
  const { ada, ben, cleo } = house;
  const [one = "", two = ""] = await threads(2);
  await house.say(cleo, room, reply(one, "from cleo"));
  await ignore(ada, ben);
  const answer = await get(ada);
  assert.deepEqual(ids(answer), [one]);
  assert.equal(bundle(answer.chunk[0]).count, 1);
  await ignore(ada);
  await ignore(cleo, ada);
  const shown = (await get(cleo)).chunk;
  assert.deepEqual(
    shown.map((event: ShownEvent) => [event.event_id, event.content]),
    [
      [one, {}],
      [two, {}],
    ],
  );
  await ignore(cleo);
});

test("who has left sees the threads as they were, a stranger none", async () => {
  const { ada, ben, fixture } = house;
  const [one = "", two = ""] = await threads(2);
  accepted(await house.act(ben, "leave", room));
  await house.say(ada, room, reply(one, "late"));
  const late = await house.say(ada, room, "late root");
  await house.say(ada, room, reply(late, "late"));
  const answer = await get(ben);
  assert.deepEqual(ids(answer).toSorted(), [one, two].toSorted());
  assert.ok(answer.chunk.every((event: ShownEvent) => bundle(event).count === 1));
  const dora = await fixture.user("dora");
  const answered = await house.call(dora, "GET", `/v1/rooms/${path(room)}/threads`);
  refused(answered, 403, "M_FORBIDDEN");
  for (const query of ["include=mine", "from=x", "limit=-1"]) {
    refused(await house.call(ada, "GET", `/v1/rooms/${path(room)}/threads?${query}`), 400, "M_INVALID_PARAM");
  }
});
