/**
 * Who may read what (specification §Room history visibility), asked at every door that leads to an event: each must
 * give the same answer, for each setting and from each place that a reader can be in.
 */
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

/** What is said while the reader stands somewhere: a message, and an answer to it in its thread. */
interface Phase {
  readonly name: string;
  readonly message: string;
  readonly reply: string;
  readonly at: number;
}
type Door = (reader: User, room: string, phases: readonly Phase[]) => Promise<string[]>;

/** The names of the phases of which something is let through. */
const through = (phases: readonly Phase[], ids: readonly string[], key: "message" | "reply" = "message") =>
  phases.filter((phase) => ids.includes(phase[key])).map(({ name }) => name);
const idsOf = (events: ShownEvent[] = []): string[] => events.map((event) => event.event_id);

/** A door to one event: what it gives for each phase. */
const each =
  (get: (reader: User, room: string, phase: Phase) => Promise<string | undefined>, key?: "reply"): Door =>
  async (reader, room, phases) => {
    const ids: string[] = [];
    for (const phase of phases) ids.push((await get(reader, room, phase)) ?? "");
    return through(phases, ids, key);
  };

const doors: Readonly<Record<string, Door>> = {
  event: each(async (reader, room, { message }) => (await house.event(reader, room, message)).body.event_id),
  context: each(async (reader, room, { message }) => {
    const around = await house.call(reader, "GET", `/rooms/${path(room)}/context/${path(message)}`);
    return around.body.event?.event_id;
  }),
  "around another": async (reader, room, phases) => {
    const ids: string[] = [];
    for (const { message } of phases) {
      const at = `/rooms/${path(room)}/context/${path(message)}?limit=50`;
      const { body } = await house.call(reader, "GET", at);
      ids.push(...idsOf(body.events_before), ...idsOf(body.events_after));
      if (body.event) ids.push(body.event.event_id);
    }
    return through(phases, ids);
  },
  relations: each(async (reader, room, { message }) => {
    const at = `/v1/rooms/${path(room)}/relations/${path(message)}`;
    return (await house.call(reader, "GET", at)).body.chunk?.[0]?.event_id;
  }, "reply"),
  "timestamp to event": each(async (reader, room, { at }) => {
    const rest = `/v1/rooms/${path(room)}/timestamp_to_event?dir=f&ts=${at}`;
    return (await house.call(reader, "GET", rest)).body.event_id;
  }),
  messages: async (reader, room, phases) => {
    const { body } = await house.call(reader, "GET", `/rooms/${path(room)}/messages?dir=b&limit=100`);
    return through(phases, idsOf(body.chunk));
  },
  "messages, forwards": async (reader, room, phases) => {
    const { body } = await house.call(reader, "GET", `/rooms/${path(room)}/messages?dir=f&limit=100`);
    return through(phases, idsOf(body.chunk));
  },
};

/** Doors of those alone who are or were in the room. */
const membersDoors: Readonly<Record<string, Door>> = {
  threads: async (reader, room, phases) => {
    const { body } = await house.call(reader, "GET", `/v1/rooms/${path(room)}/threads`);
    return through(phases, idsOf(body.chunk));
  },
  search: async (reader, room, phases) => {
    const filter = { rooms: [room], limit: 50 };
    const body = { search_categories: { room_events: { search_term: "spoken", filter } } };
    const found = (await house.call(reader, "POST", "/search", body)).body.search_categories.room_events;
    return through(phases, idsOf(found.results.map(({ result }: ShownEvent) => result)));
  },
  sync: async (reader, room, phases) => {
    const filter = { room: { rooms: [room], include_leave: true, timeline: { limit: 100 } } };
    const query = new URLSearchParams({ filter: JSON.stringify(filter) });
    const { rooms } = (await house.call(reader, "GET", `/sync?${query}`)).body;
    return through(phases, idsOf((rooms.join?.[room] ?? rooms.leave?.[room])?.timeline.events));
  },
};

async function speak(room: string, name: string): Promise<Phase> {
  const { ada, fixture } = house;
  fixture.clock.now += 1000;
  const message = await house.say(ada, room, `spoken ${name}`);
  const at = fixture.clock.now;
  const relation = { "m.relates_to": { rel_type: "m.thread", event_id: message } };
  const reply = await house.say(ada, room, { msgtype: "m.text", body: `answer ${name}`, ...relation });
  return { name, message, reply, at };
}

const everything = ["before", "invited", "joined", "left", "joined again"];
/** By setting: what ben may read while he is invited, after he has left, and when he has joined again. */
const expected = {
  world_readable: [everything.slice(0, 2), everything.slice(0, 4), everything],
  shared: [[], everything.slice(0, 3), everything],
  invited: [[], ["invited", "joined"], ["invited", "joined", "joined again"]],
  joined: [[], ["joined"], ["joined", "joined again"]],
};

for (const [history_visibility, wanted] of Object.entries(expected)) {
  test(`${history_visibility}: every door lets the same through`, async () => {
    const { ada, ben, cleo } = house;
    const room = await house.make(ada, {
      preset: "public_chat",
      initial_state: [{ type: "m.room.history_visibility", content: { history_visibility } }],
    });
    const phases: Phase[] = [];
    const check = async (reader: User, where: string, allowed: readonly string[], isMember: boolean) => {
      for (const [name, door] of Object.entries({ ...doors, ...(isMember && membersDoors) })) {
        assert.deepEqual(await door(reader, room, phases), allowed, `${name}, to ${where}`);
      }
    };
    phases.push(await speak(room, "before"));
    accepted(await house.act(ada, "invite", room, { user_id: ben.userId }));
    phases.push(await speak(room, "invited"));
    await check(ben, "the invited", wanted[0]!, false);
    accepted(await house.act(ben, "join", room));
    phases.push(await speak(room, "joined"));
    accepted(await house.act(ben, "leave", room));
    phases.push(await speak(room, "left"));
    // World readable: a room that was left ends with the leave for what is about one's own rooms.
    await check(ben, "who has left", wanted[1]!, history_visibility !== "world_readable");
    await check(
      cleo,
      "a stranger",
      history_visibility === "world_readable" ? everything.slice(0, 4) : [],
      false,
    );
    accepted(await house.act(ben, "join", room));
    phases.push(await speak(room, "joined again"));
    await check(ben, "who has joined again", wanted[2]!, true);
    await check(ada, "who was there", everything, true);
  });
}
