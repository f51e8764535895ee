import type { Database } from "../../../storage/database.ts";
import type { RoomMembership } from "../rooms/membership-store.ts";

/** The rooms with an event in (after, upTo] that the user has or had a part in, with the membership of now. */
export type ChangedRooms = (userId: string, after: number, upTo: number) => RoomMembership[];

/** From this length on it is cheaper to ask of each room than to look at each fact. */
const longRange = 400;

export function createChangedRooms(database: Database): ChangedRooms {
  // What a woken long-poll asks: a handful of facts, whatever the number of rooms.
  const ofFacts = database.prepare<RoomMembership>(
    `SELECT room, membership, so FROM memberships WHERE user = ?1 AND room IN
       (SELECT room FROM events NOT INDEXED WHERE so > ?2 AND so <= ?3)`,
  );
  // What a client asks that was away: one look into an index a room, whatever the number of facts.
  const ofRooms = database.prepare<RoomMembership>(
    `SELECT room, membership, so FROM memberships m WHERE user = ?1 AND EXISTS
       (SELECT 1 FROM events e INDEXED BY events_by_room WHERE e.room = m.room AND e.so > ?2 AND e.so <= ?3)`,
  );
  return (userId, after, upTo) => (upTo - after < longRange ? ofFacts : ofRooms).all(userId, after, upTo);
}
