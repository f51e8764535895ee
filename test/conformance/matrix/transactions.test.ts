/** Transaction ids (specification §Transaction identifiers): what they are scoped by, on each operation that takes one. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { User } from "../../apps/matrix/fixture.ts";
import { accepted, type House, openHouse, path, type ShownEvent } from "../../apps/matrix/rooms/house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(async () => {
  assert.deepEqual(house.fixture.log, []);
  await house.fixture.close();
});

const put = (user: User, rest: string, body: object) => house.call(user, "PUT", rest, body);
const text = (body: string) => ({ msgtype: "m.text", body });

test("one id on different operations, rooms, types, targets and devices names different requests", async () => {
  const { ada, fixture } = house;
  const phone = await fixture.user("ada");
  const [room, other] = [await house.make(ada), await house.make(ada)];
  const targets = [await house.say(ada, room, "one"), await house.say(ada, room, "two")];
  const at = `/rooms/${path(room)}`;
  const requests: [User, string, object][] = [
    [ada, `${at}/send/m.room.message/1`, text("words")],
    [phone, `${at}/send/m.room.message/1`, text("words")],
    [ada, `${at}/send/org.example.words/1`, text("words")],
    [ada, `/rooms/${path(other)}/send/m.room.message/1`, text("words")],
    [ada, `${at}/redact/${path(targets[0]!)}/1`, {}],
    [phone, `${at}/redact/${path(targets[0]!)}/1`, {}],
    [ada, `${at}/redact/${path(targets[1]!)}/1`, {}],
  ];
  const ids = new Set<string>();
  for (const [user, rest, body] of requests) {
    const first = await put(user, rest, body);
    accepted(first);
    // Again, with other words, and all at the same time: still the first one.
    const repeats = await Promise.all(
      Array.from({ length: 3 }, () => put(user, rest, { ...body, body: "other words" })),
    );
    for (const repeat of repeats) assert.deepEqual(repeat.body, first.body, rest);
    ids.add(first.body.event_id);
  }
  assert.equal(ids.size, requests.length);
  const events = await house.history(ada, room);
  assert.equal(events.filter((event) => ids.has(event.event_id)).length, requests.length - 1);
  assert.equal(events.filter((event) => event.content.body === "other words").length, 0);
});

test("repeated at the same moment, a redaction is one event and a message to devices is one message", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada);
  const target = await house.say(ada, room, "away with it");
  const redact = `/rooms/${path(room)}/redact/${path(target)}/twin`;
  const redactions = await Promise.all(Array.from({ length: 5 }, () => put(ada, redact, {})));
  assert.equal(new Set(redactions.map(({ body }) => body.event_id)).size, 1);
  assert.equal((await house.history(ada, room)).at(-1).redacts, target);

  const { next_batch: since } = (await house.call(ben, "GET", "/sync")).body;
  const messages = { [ben.userId]: { [ben.deviceId]: { said: "once" } } };
  const send = (type: string) => put(ada, `/sendToDevice/${type}/twin`, { messages });
  for (const reply of await Promise.all(Array.from({ length: 5 }, () => send("org.example.one"))))
    accepted(reply);
  accepted(await send("org.example.two"));
  const { to_device } = (await house.call(ben, "GET", `/sync?since=${since}`)).body;
  assert.deepEqual(
    to_device.events.map((event: ShownEvent) => event.type),
    ["org.example.one", "org.example.two"],
  );
});

test("what was refused has used up no id, and a session that ended takes its ids with it", async () => {
  const { ada, ben, fixture } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  const rest = `/rooms/${path(room)}/send/m.room.message/again`;
  assert.equal((await put(ben, rest, text("not in the room yet"))).status, 403);
  accepted(await house.act(ben, "join", room));
  accepted(await put(ben, rest, text("and now")));

  const first = await fixture.user("ben", { deviceId: "TABLET" });
  const earlier = (await put(first, rest, text("from the first session"))).body.event_id;
  accepted(await house.call(first, "POST", "/logout", {}));
  const second = await fixture.user("ben", { deviceId: "TABLET" });
  assert.notEqual((await put(second, rest, text("from the second"))).body.event_id, earlier);
});
