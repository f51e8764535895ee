import type { Connection } from "./connection.ts";
import type { Person } from "./people.ts";

/** How a client asks for news. */
export interface Dialect {
  readonly name: string;
  /** Asks once from `since` (undefined: from the start), waiting `timeout` ms. */
  ask(
    connection: Connection,
    person: Person,
    since: string | undefined,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<News>;
}

export interface News {
  readonly status: number;
  readonly text: string;
  readonly next: string;
}

/** GET /sync, of one room where `roomId` is given; members are loaded lazily, as clients do. */
export function classicSync(roomId?: string): Dialect {
  const filter = encodeURIComponent(
    JSON.stringify({
      room: {
        ...(roomId !== undefined && { rooms: [roomId] }),
        state: { lazy_load_members: true },
        timeline: { limit: 20 },
      },
    }),
  );
  return {
    name: "/sync",
    async ask(connection, person, since, timeout, signal) {
      const place = since === undefined ? "" : `&timeout=${timeout}&since=${encodeURIComponent(since)}`;
      const path = `/_matrix/client/v3/sync?filter=${filter}${place}`;
      const { status, text } = await connection.request({ method: "GET", path, token: person.token, signal });
      return { status, text, next: fieldOf(text, "next_batch") };
    },
  };
}

/** Simplified sliding sync (MSC4186), as Element X asks: its first twenty rooms. */
export const slidingSync: Dialect = {
  name: "sliding sync",
  async ask(connection, person, since, timeout, signal) {
    const place = since === undefined ? "" : `?timeout=${timeout}&pos=${encodeURIComponent(since)}`;
    const list = {
      ranges: [[0, 19]],
      timeline_limit: 20,
      required_state: [
        ["m.room.create", ""],
        ["m.room.name", ""],
        ["m.room.member", "$LAZY"],
      ],
    };
    const { status, text } = await connection.request({
      method: "POST",
      path: `/_matrix/client/unstable/org.matrix.simplified_msc3575/sync${place}`,
      token: person.token,
      // The place stands in the body too: servers of before MSC4186 look for it there.
      body: { conn_id: "load", lists: { rooms: list }, ...(since !== undefined && { pos: since, timeout }) },
      signal,
    });
    return { status, text, next: fieldOf(text, "pos") };
  },
};

/** Whether the target speaks it: undefined, or why not. */
export async function lacks(
  dialect: Dialect,
  connection: Connection,
  person: Person,
): Promise<string | undefined> {
  const { status, text } = await dialect.ask(connection, person, undefined, 0);
  return status === 200 ? undefined : `no ${dialect.name}: ${status} ${fieldOf(text, "errcode")}`;
}

/** A text member of an answer, without parsing all of it: five hundred readers share a core with the server. */
function fieldOf(text: string, name: string): string {
  return new RegExp(`"${name}":"([^"]*)"`).exec(text)?.[1] ?? "";
}
