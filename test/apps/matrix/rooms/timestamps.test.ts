import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const nearest = (user: House["ada"], room: string, ts: number | string, dir: string) =>
  house.call(user, "GET", `/v1/rooms/${path(room)}/timestamp_to_event?ts=${ts}&dir=${dir}`);

test("the nearest event before and after a time", async () => {
  const { ada, fixture } = house;
  const room = await house.make(ada);
  fixture.clock.now += 60_000;
  const one = await house.say(ada, room, "one");
  const at = fixture.clock.now;
  fixture.clock.now += 60_000;
  const two = await house.say(ada, room, "two");
  const found = async (ts: number, dir: string): Promise<string> => {
    const reply = await nearest(ada, room, ts, dir);
    accepted(reply);
    return reply.body.event_id;
  };
  assert.deepEqual(await nearest(ada, room, at, "f").then((reply) => reply.body), {
    event_id: one,
    origin_server_ts: at,
  });
  assert.equal(await found(at, "b"), one);
  assert.equal(await found(at + 1, "f"), two);
  assert.equal(await found(at + 1000, "b"), one);
  // Of those of one moment the first, or looking back the last.
  const all = await house.history(ada, room);
  assert.equal(await found(0, "f"), all[0].event_id);
  assert.equal(await found(at - 1, "b"), all.at(-3).event_id);
  refused(await nearest(ada, room, fixture.clock.now + 1, "f"), 404, "M_NOT_FOUND");
  refused(await nearest(ada, room, 1, "b"), 404, "M_NOT_FOUND");
});

test("only what the asker may read is found", async () => {
  const { ada, ben, cleo, fixture } = house;
  const room = await house.make(ada, {
    preset: "public_chat",
    initial_state: [{ type: "m.room.history_visibility", content: { history_visibility: "joined" } }],
  });
  const early = fixture.clock.now + 1;
  for (let index = 0; index < 30; index += 1) await house.say(ada, room, `early ${index}`);
  accepted(await house.act(ben, "join", room));
  const first = (await nearest(ben, room, early, "f")).body.event_id;
  const joined = (await house.event(ben, room, first)).body;
  assert.deepEqual([joined.type, joined.state_key], ["m.room.member", ben.userId]);
  await house.say(cleo, await house.make(cleo), "elsewhere");
  accepted(await house.act(ben, "leave", room));
  const left = fixture.clock.now;
  const late = await house.say(ada, room, "late");
  assert.notEqual((await nearest(ben, room, left + 1000, "b")).body.event_id, late);
  refused(await nearest(cleo, room, 0, "f"), 403, "M_FORBIDDEN");
  refused(await nearest(ada, room, 0, "x"), 400, "M_INVALID_PARAM");
  refused(await nearest(ada, room, "soon", "f"), 400, "M_INVALID_PARAM");
  refused(await nearest(ada, room, "", "f"), 400, "M_MISSING_PARAM");
});
