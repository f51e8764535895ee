import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused, type ShownEvent } from "../rooms/house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const events = async (user: House["ada"], query: string): Promise<ShownEvent> => {
  const reply = await house.call(user, "GET", `/events?${query}`);
  accepted(reply);
  return reply.body;
};
const ids = (chunk: ShownEvent[]): string[] => chunk.map((event) => event.event_id);
const setVisibility = async (room: string, visibility: string): Promise<void> =>
  accepted(
    await house.setState(house.ada, room, "m.room.history_visibility", { history_visibility: visibility }),
  );

test("who looks into a world-readable room gets it whole, and then what comes", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { name: "Square" });
  const hidden = await house.say(ada, room, "before");
  refused(await house.call(ben, "GET", `/rooms/${path(room)}/initialSync`), 403, "M_FORBIDDEN");
  refused(await house.call(ben, "GET", `/events?room_id=${path(room)}`), 403, "M_FORBIDDEN");
  await setVisibility(room, "world_readable");
  const seen = await house.say(ada, room, "open to all");
  const { body } = await house.call(ben, "GET", `/rooms/${path(room)}/initialSync?limit=20`);
  assert.equal(body.membership, undefined);
  assert.ok(body.state.some((event: ShownEvent) => event.content.name === "Square"));
  const shown = ids(body.messages.chunk);
  assert.deepEqual([shown.at(-1), shown.includes(hidden)], [seen, false]);
  assert.deepEqual([body.visibility, body.receipts, body.account_data], ["private", [], []]);

  const waiting = events(ben, `room_id=${path(room)}&timeout=20000&from=${body.messages.end}`);
  const next = await house.say(ada, room, "next");
  const told = await waiting;
  assert.deepEqual([told.start, ids(told.chunk)], [body.messages.end, [next]]);
  assert.equal(told.chunk[0].room_id, room);
  // When the room closes, so does the view.
  const still = house.call(ben, "GET", `/events?room_id=${path(room)}&timeout=20000&from=${told.end}`);
  await setVisibility(room, "shared");
  refused(await still, 403, "M_FORBIDDEN");
});

test("one's rooms together: messages, an invitation, a leaving; page after page", async () => {
  const { ada, ben } = house;
  const one = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", one));
  const { end } = await events(ben, "");
  assert.deepEqual((await events(ben, `from=${end}&timeout=1`)).chunk, []);
  const waiting = events(ben, `from=${end}&timeout=20000`);
  const said = await house.say(ada, one, "hello");
  assert.deepEqual(ids((await waiting).chunk), [said]);
  const two = await house.make(ada, { invite: [ben.userId] });
  await house.say(ada, two, "not for ben yet");
  accepted(await house.act(ben, "leave", one));
  await house.say(ada, one, "behind his back");
  const { chunk } = await events(ben, `from=${end}`);
  const told = chunk.map((event: ShownEvent) => [
    event.room_id,
    event.content.membership ?? event.content.body,
  ]);
  assert.deepEqual(told, [
    [one, "hello"],
    [two, "invite"],
    [one, "leave"],
  ]);

  const three = await house.make(ben);
  const first = await events(ben, "");
  const sent: string[] = [];
  for (let index = 0; index < 130; index += 1) sent.push(await house.say(ben, three, `${index}`));
  const page = await events(ben, `from=${first.end}`);
  const rest = await events(ben, `from=${page.end}`);
  assert.deepEqual([page.chunk.length, [...ids(page.chunk), ...ids(rest.chunk)]], [100, sent]);
});

test("a single event by its id alone", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada);
  const id = await house.say(ada, room, "for ada");
  const shown = await house.call(ada, "GET", `/events/${path(id)}`);
  assert.deepEqual([shown.body.event_id, shown.body.room_id], [id, room]);
  refused(await house.call(ben, "GET", `/events/${path(id)}`), 404, "M_NOT_FOUND");
  refused(await house.call(ada, "GET", `/events/${path("$none")}`), 404, "M_NOT_FOUND");
});

test("everything at once: rooms with their last messages, invitations, and left ones when asked", async () => {
  const { cleo, ada } = house;
  const [own, invited, left] = [
    await house.make(cleo, { name: "Own" }),
    await house.make(ada, { invite: [cleo.userId] }),
    await house.make(ada, { preset: "public_chat" }),
  ];
  accepted(await house.act(cleo, "join", left));
  const last = await house.say(ada, left, "last");
  accepted(await house.act(cleo, "leave", left));
  await house.say(ada, left, "behind her back");
  for (let index = 0; index < 3; index += 1) await house.say(cleo, own, `${index}`);
  const get = async (query: string): Promise<ShownEvent> => {
    const reply = await house.call(cleo, "GET", `/initialSync?${query}`);
    accepted(reply);
    return reply.body;
  };
  const body = await get("limit=2");
  const byId = new Map<string, ShownEvent>(body.rooms.map((room: ShownEvent) => [room.room_id, room]));
  assert.deepEqual(
    [byId.get(own).membership, byId.get(invited).membership, byId.has(left)],
    ["join", "invite", false],
  );
  const texts = (room: ShownEvent): string[] =>
    room.messages.chunk.map((event: ShownEvent) => event.content.body);
  assert.deepEqual(texts(byId.get(own)), ["1", "2"]);
  assert.equal(byId.get(invited).invite.state_key, cleo.userId);
  assert.equal(byId.get(invited).state, undefined);
  const older = await house.call(
    cleo,
    "GET",
    `/rooms/${path(own)}/messages?dir=b&limit=1&from=${byId.get(own).messages.start}`,
  );
  assert.equal(older.body.chunk[0].content.body, "0");
  assert.ok(body.account_data.some(({ type }: ShownEvent) => type === "m.push_rules"));
  const archived = (await get("archived=true")).rooms.find((room: ShownEvent) => room.room_id === left);
  assert.deepEqual([archived.membership, ids(archived.messages.chunk).at(-2)], ["leave", last]);
  const next = await house.say(cleo, own, "next");
  assert.deepEqual(ids((await events(cleo, `from=${body.end}`)).chunk), [next]);
});
