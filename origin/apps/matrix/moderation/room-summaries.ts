import type { Database } from "../../../storage/database.ts";

/** What the owner sees of the rooms. No message is among it, and of encrypted rooms the server has none to show. */
export interface RoomSummaries {
  get(roomId: string): RoomSummary | undefined;
  list(question: RoomQuestion): RoomSummary[];
  totals(): { readonly rooms: number; readonly events: number; readonly bytes: number };
}

export interface RoomSummary {
  readonly roomId: string;
  readonly version: string;
  readonly name: string | null;
  readonly joined: number;
  readonly events: number;
  /** What its events take on disk, without indexes. */
  readonly bytes: number;
  readonly encrypted: 0 | 1;
  /** Of the newest event, Unix ms. */
  readonly lastActivityAt: number;
}

export const roomSorts = ["activity", "size", "members", "name"] as const;

export interface RoomQuestion {
  readonly sort: (typeof roomSorts)[number];
  /** In any case, within the name or the id. */
  readonly search: string | undefined;
  readonly encrypted: boolean | undefined;
  readonly offset: number;
  readonly limit: number;
}

export function createRoomSummaries(database: Database): RoomSummaries {
  const columns = `r.room_id AS roomId, r.version, s.name, s.joined, s.events, s.bytes, s.encrypted,
    s.last_at AS lastActivityAt`;
  const from = "FROM room_summaries s JOIN rooms r ON r.nid = s.room WHERE r.deleted_at IS NULL";
  const select = database.prepare<RoomSummary>(`SELECT ${columns} ${from} AND r.room_id = ?`);
  // One row a room, and small ones: there are thousands at most.
  const sorted = (order: string) =>
    database.prepare<RoomSummary>(
      `SELECT ${columns} ${from}
       AND (?1 IS NULL OR instr(lower(coalesce(s.name, '')), ?1) > 0 OR instr(lower(r.room_id), ?1) > 0)
       AND (?2 IS NULL OR s.encrypted = ?2)
       ORDER BY ${order}, s.room LIMIT ?3 OFFSET ?4`,
    );
  const lists = {
    activity: sorted("s.last_at DESC"),
    size: sorted("s.bytes DESC"),
    members: sorted("s.joined DESC"),
    name: sorted("s.name IS NULL, lower(s.name)"),
  };
  const totals = database.prepare<{ rooms: number; events: number; bytes: number }>(
    `SELECT count(*) AS rooms, coalesce(sum(events), 0) AS events, coalesce(sum(bytes), 0) AS bytes ${from}`,
  );

  return {
    get: (roomId) => select.get(roomId),
    list: ({ sort, search, encrypted, offset, limit }) =>
      lists[sort].all(
        search?.toLowerCase() ?? null,
        encrypted === undefined ? null : Number(encrypted),
        limit,
        offset,
      ),
    totals: () => totals.get() ?? { rooms: 0, events: 0, bytes: 0 },
  };
}
