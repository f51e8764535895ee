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
  /** Everyone who is now joined to a room that the user is joined to, the user included. */
  sharers(userId: string): Set<string>;
  shareRoom(userA: string, userB: string): boolean;
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
  const sharers = database.prepare<{ user: string }>(
    `SELECT DISTINCT other.user FROM memberships mine
     JOIN memberships other ON other.room = mine.room AND other.membership = 'join'
     WHERE mine.user = ? AND mine.membership = 'join'`,
  );
  const share = database.prepare<{ found: number }>(
    `SELECT 1 AS found FROM memberships a JOIN memberships b ON b.room = a.room AND b.user = ? AND b.membership = 'join'
     WHERE a.user = ? AND a.membership = 'join' LIMIT 1`,
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
    sharers: (userId) => new Set(sharers.all(userId).map((row) => row.user)),
    shareRoom: (userA, userB) => share.get(userB, userA) !== undefined,
    forgotten: (userId, room) => forgotten.get(userId, room)?.forgotten === 1,
    forget: (_transaction, userId, room) => void forget.run(userId, room),
  };
}
