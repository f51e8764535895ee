import type { JsonObject } from "../../../../origin/apps/matrix/events/event.ts";
import { roomVersions } from "../../../../origin/apps/matrix/events/room-version.ts";
import type { EventDraft } from "../../../../origin/apps/matrix/rooms/append.ts";
import { createFixture, type Fixture, type User } from "../fixture.ts";

/** What a /sync test needs: rooms made straight in the domain, and the answers over HTTP. */
export interface Chat {
  readonly fixture: Fixture;
  /** A public room of this creator with these members, all joined; the id of it. */
  createRoom(
    creator: User,
    options?: { members?: User[]; name?: string; history?: string; joinRule?: string },
  ): Promise<string>;
  /** The event id. */
  send(user: User, roomId: string, body: string, extra?: JsonObject): Promise<string>;
  sendMany(user: User, roomId: string, count: number, prefix?: string): Promise<void>;
  setState(user: User, roomId: string, type: string, content: JsonObject, key?: string): Promise<string>;
  /** `actor` makes `target`'s membership so. */
  member(actor: User, roomId: string, membership: string, target?: User): Promise<string>;
  append(roomId: string, draft: EventDraft): Promise<string>;
  /** The body of a successful /sync. */
  // oxlint-disable-next-line no-explicit-any -- a test says what it expects
  sync(user: User, query?: SyncQuery): Promise<any>;
  close(): Promise<void>;
}

export interface SyncQuery {
  since?: string;
  timeout?: number;
  filter?: object | string;
  full_state?: boolean;
  use_state_after?: boolean;
  "org.matrix.msc4222.use_state_after"?: boolean;
}

/** The path with its query. */
export function syncPath(query: SyncQuery = {}): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    parameters.set(key, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return `/v3/sync?${parameters}`;
}

export async function createChat(): Promise<Chat> {
  const fixture = await createFixture();
  let made = 0;

  function append(roomId: string, draft: EventDraft): Promise<string> {
    const { matrix } = fixture;
    return matrix.database.write((transaction) => {
      const room = matrix.rooms.get(roomId);
      if (!room) throw new Error(`no room ${roomId}`);
      return matrix.append(transaction, room, draft).eventId;
    });
  }

  const chat: Chat = {
    fixture,
    append,
    createRoom(creator, options = {}) {
      const { matrix } = fixture;
      const sender = creator.userId;
      return matrix.database.write((transaction) => {
        const room = matrix.append.create(
          transaction,
          roomVersions.get("11")!,
          { type: "m.room.create", stateKey: "", sender, content: { room_version: "11" } },
          () => `!room${++made}:burrow.localhost`,
        );
        const state = (type: string, content: JsonObject, key = "", by = sender): void =>
          void matrix.append(transaction, room, { type, stateKey: key, sender: by, content });
        state("m.room.member", { membership: "join" }, sender);
        state("m.room.power_levels", { users: { [sender]: 100 } });
        state("m.room.join_rules", { join_rule: options.joinRule ?? "public" });
        state("m.room.history_visibility", { history_visibility: options.history ?? "shared" });
        if (options.name !== undefined) state("m.room.name", { name: options.name });
        for (const { userId } of options.members ?? []) {
          state("m.room.member", { membership: "join" }, userId, userId);
        }
        return room.roomId;
      });
    },
    send: (user, roomId, body, extra = {}) =>
      append(roomId, {
        type: "m.room.message",
        sender: user.userId,
        content: { msgtype: "m.text", body, ...extra },
      }),
    async sendMany(user, roomId, count, prefix = "message ") {
      await Promise.all(
        Array.from({ length: count }, (_, index) => chat.send(user, roomId, `${prefix}${index + 1}`)),
      );
    },
    setState: (user, roomId, type, content, key = "") =>
      append(roomId, { type, stateKey: key, sender: user.userId, content }),
    member: (actor, roomId, membership, target = actor) =>
      append(roomId, {
        type: "m.room.member",
        stateKey: target.userId,
        sender: actor.userId,
        content: { membership },
      }),
    async sync(user, query = {}) {
      const reply = await fixture.request("GET", syncPath(query), { token: user.token });
      if (reply.status !== 200)
        throw new Error(`/sync answered ${reply.status} ${JSON.stringify(reply.body)}`);
      return reply.body;
    },
    close: () => fixture.close(),
  };
  return chat;
}

interface ShownEvent {
  type: string;
  state_key?: string;
  content: { body?: string; membership?: string };
}

/** The messages' texts, in order. */
export const texts = (section: { events: ShownEvent[] } | undefined): string[] =>
  (section?.events ?? []).flatMap((event) => event.content.body ?? []);

/** `type/key` of the state events, sorted. */
export const keys = (section: { events: ShownEvent[] } | undefined): string[] =>
  (section?.events ?? [])
    .filter((event) => event.state_key !== undefined)
    .map((event) => `${event.type}/${event.state_key}`)
    .toSorted();
