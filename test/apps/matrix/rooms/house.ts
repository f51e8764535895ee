import assert from "node:assert/strict";
import { createFixture, type Fixture, type FixtureSettings, type Reply, type User } from "../fixture.ts";

/** Three people and short words for what they do in rooms, all of it over HTTP. */
export interface House {
  readonly fixture: Fixture;
  readonly ada: User;
  readonly ben: User;
  readonly cleo: User;
  /** Any request; `path` continues `/v3`. */
  call(user: User, method: string, path: string, body?: unknown): Promise<Reply>;
  /** Makes a room and gives its id; fails the test if it is refused. */
  make(user: User, request?: object): Promise<string>;
  /** `what`: join, leave, invite, kick, ban, unban, forget. */
  act(user: User, what: string, room: string, body?: object): Promise<Reply>;
  /** Sends a text (or a whole content) and gives the event id. */
  say(user: User, room: string, content: string | object, type?: string): Promise<string>;
  setState(user: User, room: string, type: string, content: object, key?: string): Promise<Reply>;
  /** Everything that the user can page through, oldest first. */
  history(user: User, room: string): Promise<ShownEvent[]>;
  event(user: User, room: string, eventId: string): Promise<Reply>;
}

/** A client event as the tests look into it. */
export type ShownEvent = Reply["body"];

export const path = encodeURIComponent;

export async function openHouse(overrides: FixtureSettings = {}): Promise<House> {
  const fixture = await createFixture(overrides);
  const [ada, ben, cleo] = [await fixture.user("ada"), await fixture.user("ben"), await fixture.user("cleo")];
  let transactions = 0;

  const call: House["call"] = (user, method, rest, body) =>
    fixture.request(method, rest.startsWith("/v1") ? rest : `/v3${rest}`, { token: user.token, body });
  return {
    fixture,
    ada,
    ben,
    cleo,
    call,
    async make(user, request = {}) {
      const reply = await call(user, "POST", "/createRoom", request);
      assert.equal(reply.status, 200, JSON.stringify(reply.body));
      return reply.body.room_id;
    },
    act: (user, what, room, body = {}) => call(user, "POST", `/rooms/${path(room)}/${what}`, body),
    async say(user, room, content, type = "m.room.message") {
      const body = typeof content === "string" ? { msgtype: "m.text", body: content } : content;
      transactions += 1;
      // Edits are ordered by the clock.
      fixture.clock.now += 1;
      const reply = await call(user, "PUT", `/rooms/${path(room)}/send/${type}/t${transactions}`, body);
      assert.equal(reply.status, 200, JSON.stringify(reply.body));
      return reply.body.event_id;
    },
    setState: (user, room, type, content, key = "") =>
      call(user, "PUT", `/rooms/${path(room)}/state/${type}/${path(key)}`, content),
    async history(user, room) {
      const events: ShownEvent[] = [];
      for (let from = ""; ; ) {
        const reply = await call(user, "GET", `/rooms/${path(room)}/messages?dir=b&limit=50${from}`);
        assert.equal(reply.status, 200, JSON.stringify(reply.body));
        events.unshift(...reply.body.chunk.toReversed());
        if (reply.body.end === undefined) return events;
        from = `&from=${reply.body.end}`;
      }
    },
    event: (user, room, eventId) => call(user, "GET", `/rooms/${path(room)}/event/${path(eventId)}`),
  };
}

export function refused(reply: Reply, status: number, errcode: string): void {
  assert.deepEqual([reply.status, reply.body.errcode], [status, errcode], JSON.stringify(reply.body));
}

export function accepted(reply: Reply): void {
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
}
