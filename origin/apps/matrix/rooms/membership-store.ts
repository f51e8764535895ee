import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Membership } from "./room.ts";

/** Whose rooms are whose: the table that /sync and the device lists start from. */
export interface MembershipStore {
  /** Every room the user has or had a part in, forgotten ones left out. */
  roomsOf(userId: string): RoomMembership[];
  /** Where the user ever was or was asked to be, forgotten ones among them. */
  everRooms(userId: string): number[];
  joinedRooms(userId: string): number[];
  /** The same by room id, without loading the rooms. */
  joinedRoomIds(userId: string): string[];
  /** The rooms the user is in, or may have been, the one with the newest event first; forgotten ones left out. */
  searchableRooms(userId: string): SearchableRoom[];
  /** Everyone who is now joined to a room that the user is joined to, the user included. */
  sharers(userId: string): Set<string>;
  /** Who joined a room of the user's after the position, and whoever is in a room that the user joined since. */
  joinedSince(userId: string, after: number): Set<string>;
  shareRoom(userA: string, userB: string): boolean;
  /** Rooms that both are joined to, in the order of `nid`, from beyond `after` on. */
  mutualRooms(userA: string, userB: string, after: number, limit: number): { nid: number; roomId: string }[];
  countMutualRooms(userA: string, userB: string): number;
  /** By room id, without loading the room. */
  isJoined(userId: string, roomId: string): boolean;
  forgotten(userId: string, room: number): boolean;
  forget(transaction: Transaction, userId: string, room: number): void;
}

export interface RoomMembership {
  /** rooms.nid */
  readonly room: number;
  readonly membership: Membership;
  /** Of the membership event. */
  readonly so: number;
}

export interface SearchableRoom {
  readonly nid: number;
  readonly roomId: string;
  /** The position of its newest event. */
  readonly last: number;
}

export function createMembershipStore(database: Database): MembershipStore {
  const roomsOf = database.prepare<RoomMembership>(
    "SELECT room, membership, so FROM memberships WHERE user = ? AND forgotten = 0",
  );
  const ever = database.prepare<{ room: number }>("SELECT room FROM memberships WHERE user = ?");
  const joined = database.prepare<{ room: number }>(
    "SELECT room FROM memberships WHERE user = ? AND membership = 'join'",
  );
  const joinedIds = database.prepare<{ id: string }>(
    `SELECT r.room_id AS id FROM memberships m JOIN rooms r ON r.nid = m.room
     WHERE m.user = ? AND m.membership = 'join'`,
  );
  const searchable = database.prepare<SearchableRoom>(
    `SELECT m.room AS nid, r.room_id AS roomId, (SELECT MAX(so) FROM events e WHERE e.room = m.room) AS last
     FROM memberships m CROSS JOIN rooms r ON r.nid = m.room
     WHERE m.user = ? AND m.membership IN ('join', 'leave', 'ban') AND m.forgotten = 0 ORDER BY last DESC`,
  );
  const sharers = database.prepare<{ user: string }>(
    `SELECT DISTINCT other.user FROM memberships mine
     JOIN memberships other ON other.room = mine.room AND other.membership = 'join'
     WHERE mine.user = ? AND mine.membership = 'join'`,
  );
  const share = database.prepare<{ found: number }>(
    `SELECT 1 AS found FROM memberships a JOIN memberships b ON b.room = a.room AND b.user = ? AND b.membership = 'join'
     WHERE a.user = ? AND a.membership = 'join' LIMIT 1`,
  );
  const mutual = database.prepare<{ nid: number; roomId: string }>(
    `SELECT r.nid, r.room_id AS roomId FROM memberships a
     JOIN memberships b ON b.user = ? AND b.room = a.room AND b.membership = 'join' JOIN rooms r ON r.nid = a.room
     WHERE a.user = ? AND a.membership = 'join' AND a.room > ? ORDER BY a.room LIMIT ?`,
  );
  const countMutual = database.prepare<{ count: number }>(
    `SELECT count(*) AS count FROM memberships a
     JOIN memberships b ON b.user = ? AND b.room = a.room AND b.membership = 'join'
     WHERE a.user = ? AND a.membership = 'join'`,
  );
  const isJoined = database.prepare<{ found: number }>(
    `SELECT 1 AS found FROM rooms r JOIN memberships m ON m.user = ? AND m.room = r.nid AND m.membership = 'join'
     WHERE r.room_id = ?`,
  );
  // By position and not by user: what happened since is little, the user's rooms may be many.
  const joinedSince = database.prepare<{ user: string }>(
    `SELECT CASE WHEN m.user = ?1 THEN other.user ELSE m.user END AS user
     FROM memberships m INDEXED BY memberships_by_position
     CROSS JOIN memberships other ON other.room = m.room AND other.membership = 'join'
       AND (m.user = ?1 OR other.user = ?1)
     WHERE m.so > ?2 AND m.membership = 'join'`,
  );
  const forgotten = database.prepare<{ forgotten: number }>(
    "SELECT forgotten FROM memberships WHERE user = ? AND room = ?",
  );
  const forget = database.prepare("UPDATE memberships SET forgotten = 1 WHERE user = ? AND room = ?");
  return {
    roomsOf: (userId) => roomsOf.all(userId),
    everRooms: (userId) => ever.all(userId).map((row) => row.room),
    joinedRooms: (userId) => joined.all(userId).map((row) => row.room),
    joinedRoomIds: (userId) => joinedIds.all(userId).map((row) => row.id),
    searchableRooms: (userId) => searchable.all(userId),
    sharers: (userId) => new Set(sharers.all(userId).map((row) => row.user)),
    joinedSince: (userId, after) => new Set(joinedSince.all(userId, after).map((row) => row.user)),
    shareRoom: (userA, userB) => share.get(userB, userA) !== undefined,
    mutualRooms: (userA, userB, after, limit) => mutual.all(userB, userA, after, limit),
    countMutualRooms: (userA, userB) => countMutual.get(userB, userA)?.count ?? 0,
    isJoined: (userId, roomId) => isJoined.get(userId, roomId) !== undefined,
    forgotten: (userId, room) => forgotten.get(userId, room)?.forgotten === 1,
    forget: (_transaction, userId, room) => void forget.run(userId, room),
  };
}
