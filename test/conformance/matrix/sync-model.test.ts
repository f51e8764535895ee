/**
 * Two clients that do with the answers of GET /sync what the specification tells them to, while rooms live and answers
 * get lost: in the end they have what is there. One has all members and the state before the timeline, the other loads
 * members lazily and takes the state after it (MSC4222). The truth is what the other operations say.
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

/** Numbers that look random and are the same in every run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

async function get(user: User, rest: string): Promise<ShownEvent> {
  const reply = await house.call(user, "GET", rest);
  accepted(reply);
  return reply.body;
}
const keyOf = (event: ShownEvent): string => `${event.type}|${event.state_key}`;
const idOf = (event: ShownEvent): string => event.event_id;

/** What a client holds of a room. */
interface Held {
  membership: "join" | "invite" | "leave";
  /** Event ids by type and key. */
  state: Map<string, string>;
  /** Event ids, oldest first. */
  timeline: string[];
}

class Client {
  readonly rooms = new Map<string, Held>();
  private since: string | undefined;
  private readonly user: User;
  private readonly lazy: boolean;

  constructor(user: User, lazy: boolean) {
    this.user = user;
    this.lazy = lazy;
  }

  /** Asks; an answer that is lost changes nothing here. */
  async sync(lost = false): Promise<void> {
    const room = { timeline: { limit: 3 }, state: { lazy_load_members: this.lazy } };
    const query = new URLSearchParams({ filter: JSON.stringify({ room }) });
    if (this.since !== undefined) query.set("since", this.since);
    if (this.lazy) query.set("use_state_after", "true");
    const answer = await get(this.user, `/sync?${query}`);
    if (lost) return;
    const { join = {}, invite = {}, leave = {} } = answer.rooms ?? {};
    for (const [id, news] of Object.entries<ShownEvent>(join)) await this.take(id, "join", news);
    for (const [id, news] of Object.entries<ShownEvent>(leave)) await this.take(id, "leave", news);
    for (const id of Object.keys(invite)) this.hold(id).membership = "invite";
    this.since = answer.next_batch;
  }

  /** Whether the server has anything more to say. */
  async isUpToDate(): Promise<boolean> {
    const since = this.since;
    const answer = await get(this.user, `/sync?since=${since}`);
    return Object.values(answer.rooms ?? {}).every((rooms) => Object.keys(rooms as object).length === 0);
  }

  private hold(roomId: string): Held {
    const held = this.rooms.get(roomId) ?? { membership: "invite", state: new Map(), timeline: [] };
    this.rooms.set(roomId, held);
    return held;
  }

  private async take(roomId: string, membership: "join" | "leave", news: ShownEvent): Promise<void> {
    const held = this.hold(roomId);
    const events: ShownEvent[] = news.timeline?.events ?? [];
    const earlier: ShownEvent[] = news.state?.events ?? [];
    const afterwards: ShownEvent[] = news.state_after?.events ?? [];
    assert.equal(news.state !== undefined && news.state_after !== undefined, false);
    // Who joins may read what was not theirs to read when they were told of their leave.
    if (membership === "join" && held.membership !== "join") held.timeline = [];
    held.membership = membership;
    const inTimeline = this.lazy ? [] : events.filter((event) => event.state_key !== undefined);
    for (const event of [...earlier, ...inTimeline, ...afterwards]) held.state.set(keyOf(event), idOf(event));
    const known = new Set(held.timeline);
    const told = events.map(idOf);
    const fresh = told.filter((id) => !known.has(id));
    if (!news.timeline?.limited) assert.deepEqual(fresh, told, "only a timeline with a hole begins anew");
    // A room that was left and joined meanwhile comes from its end, where some of it may be known.
    else if (fresh.length === told.length && known.size > 0) {
      held.timeline.push(...(await this.fillHole(roomId, news.timeline.prev_batch, known)));
    }
    held.timeline.push(...fresh);
  }

  /** What /messages has between what is known and the token. */
  private async fillHole(roomId: string, end: string, known: ReadonlySet<string>): Promise<string[]> {
    const missing: string[] = [];
    for (let from: string | undefined = end; from !== undefined; ) {
      const page = await get(this.user, `/rooms/${path(roomId)}/messages?dir=b&limit=5&from=${from}`);
      for (const id of page.chunk.map(idOf)) {
        if (known.has(id)) return missing;
        missing.unshift(id);
      }
      from = page.end;
    }
    return missing;
  }
}

test("whatever happens and gets lost, a client of /sync has the rooms as they are, and every message once", async () => {
  const { ada, ben, cleo, fixture } = house;
  const pick = numbers(20_261_129);
  const phone = await fixture.user("ben");
  const clients = [new Client(ben, false), new Client(phone, true)];
  const rooms: string[] = [];
  const makeRoom = async (): Promise<void> => {
    const history_visibility = ["shared", "joined", "invited"][rooms.length % 3];
    const initial_state = [{ type: "m.room.history_visibility", content: { history_visibility } }];
    rooms.push(await house.make(ada, { preset: "public_chat", invite: [ben.userId], initial_state }));
  };
  for (let index = 0; index < 4; index += 1) await makeRoom();
  const anyRoom = (): string => rooms[pick(rooms.length)]!;
  const membershipIn = async (room: string, user: User): Promise<string> => {
    const at = `/rooms/${path(room)}/state/m.room.member/${path(user.userId)}`;
    return (await house.call(ada, "GET", at)).body.membership ?? "leave";
  };
  const move = async (user: User): Promise<void> => {
    const room = anyRoom();
    const now = await membershipIn(room, user);
    const byHost = pick(2) === 0;
    if (now === "join" && byHost) accepted(await house.act(ada, "kick", room, { user_id: user.userId }));
    else if (now !== "leave" && pick(3) === 0) accepted(await house.act(user, "leave", room));
    else if (now === "leave" && byHost)
      accepted(await house.act(ada, "invite", room, { user_id: user.userId }));
    else accepted(await house.act(user, "join", room));
  };
  const acts: (() => Promise<unknown>)[] = [
    () => house.say(ada, anyRoom(), "a message"),
    async () => {
      const room = anyRoom();
      for (let count = 0; count < 5; count += 1) await house.say(ada, room, `message ${count}`);
    },
    () => house.setState(ada, anyRoom(), "m.room.topic", { topic: `topic ${pick(1000)}` }),
    () => house.setState(ada, anyRoom(), "org.example.state", { value: pick(1000) }, `key${pick(3)}`),
    () => move(ben),
    () => move(cleo),
    async () => {
      const room = anyRoom();
      if ((await membershipIn(room, ben)) === "join") await house.say(ben, room, "my own");
    },
  ];

  for (let step = 0; step < 120; step += 1) {
    for (let count = pick(5); count > 0; count -= 1) await acts[pick(acts.length)]!();
    for (const client of clients) if (pick(3) > 0) await client.sync(pick(4) === 0);
    if (step === 40) await makeRoom();
    if (step === 70) await fixture.restart();
    if (step % 15 !== 14) continue;

    for (const [index, client] of clients.entries()) {
      await client.sync();
      assert.ok(await client.isUpToDate());
      for (const room of rooms) {
        const held = client.rooms.get(room);
        const truth = await membershipIn(room, ben);
        const where = `step ${step}, client ${index}, ${room}, ${truth}`;
        assert.equal(held?.membership ?? "leave", truth, where);
        if (truth !== "join" || !held) continue;
        const state: ShownEvent[] = await get(ben, `/rooms/${path(room)}/state`);
        const actual = new Map(state.map((event) => [keyOf(event), idOf(event)]));
        if (index === 0)
          assert.deepEqual([...held.state].map(String).toSorted(), [...actual].map(String).toSorted(), where);
        for (const [key, id] of actual) {
          // Of members a lazy client has some, but none as they no longer are.
          if (held.state.has(key) || !key.startsWith("m.room.member|")) {
            assert.equal(held.state.get(key), id, `${where} ${key}`);
          }
        }
        const history = (await house.history(ben, room)).map(idOf);
        assert.deepEqual(held.timeline, history.slice(-held.timeline.length), where);
      }
    }
  }
});
