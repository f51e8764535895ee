import type { Json } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { type Membership, stateOf } from "../rooms/room.ts";
import { createChangedRooms } from "../sync/changed-rooms.ts";

/** A room of one user's list. Replaced, never changed. */
export interface ListedRoom {
  readonly nid: number;
  readonly roomId: string;
  readonly membership: Membership;
  /** Of the membership event, and who sent it. */
  readonly memberSo: number;
  readonly memberSender: string;
  /** The last event that concerns the user: of any type while they are joined, else their membership. */
  readonly recency: number;
}

/** What filters ask of a room. */
export interface RoomFacts {
  readonly encrypted: boolean;
  readonly tombstoned: boolean;
  readonly type: string | null;
  readonly tags: ReadonlySet<string>;
}

/** All rooms of a user, the most recent first (MSC4186 §Activity ordering). Good until the next await. */
export interface RoomList {
  readonly sorted: readonly ListedRoom[];
  get(nid: number): ListedRoom | undefined;
  find(roomId: string): ListedRoom | undefined;
  isDm(room: ListedRoom): boolean;
  facts(room: ListedRoom): RoomFacts;
  /**
   * Whether the room is in the list whatever was sent before: the user takes part in it, or was put out of it.
   * Whoever has left by themselves knows that they did.
   */
  isPresent(room: ListedRoom): boolean;
}

/** Reads the list of a user as it is now. */
export type ReadRoomList = (userId: string) => RoomList;

/**
 * Rooms in the lists that are in memory, 200 bytes each, where a list by itself counts as so many more. As a number of
 * lists it would be too few for fifty people who wait, or too many for those with thousands of rooms.
 */
const mostRooms = 32_000;
const roomsOfAnEmptyList = 12;

interface Kept {
  sorted: ListedRoom[];
  readonly byNid: Map<number, ListedRoom>;
  readonly byRoomId: Map<string, ListedRoom>;
  readonly facts: Map<number, RoomFacts>;
  /** Whether the user had been joined before they were put out, by nid. */
  readonly stayed: Map<number, boolean>;
  direct: ReadonlySet<string>;
  asOf: number;
  /** Of `mostRooms`, so many are counted for it. */
  counted: number;
}

/**
 * Keeps the lists in memory and brings them up to date by what happened since: a message in one of a thousand rooms
 * moves one room, and reads one row.
 */
export function createRoomLists(matrix: MatrixContext): ReadRoomList {
  const { database } = matrix;
  const columns = `SELECT m.room AS nid, r.room_id AS roomId, m.membership, m.so AS memberSo, e.sender AS memberSender,
      CASE m.membership WHEN 'join' THEN (SELECT max(so) FROM events x WHERE x.room = m.room) ELSE m.so END AS recency
    FROM memberships m JOIN rooms r ON r.nid = m.room JOIN events e ON e.so = m.so`;
  const all = database.prepare<ListedRoom>(`${columns} WHERE m.user = ? AND m.forgotten = 0`);
  const one = database.prepare<ListedRoom>(`${columns} WHERE m.user = ? AND m.room = ? AND m.forgotten = 0`);
  const changedRooms = createChangedRooms(database);
  const lists = new Map<string, Kept>();
  let counted = 0;

  function load(userId: string): Kept {
    const sorted = all.all(userId).toSorted(byRecency);
    return {
      sorted,
      byNid: new Map(sorted.map((room) => [room.nid, room])),
      byRoomId: new Map(sorted.map((room) => [room.roomId, room])),
      facts: new Map(),
      stayed: new Map(),
      direct: directRooms(matrix, userId),
      asOf: matrix.stream.current(),
      counted: 0,
    };
  }

  function refresh(userId: string, list: Kept): void {
    const now = matrix.stream.current();
    if (now === list.asOf) return;
    if (matrix.waiters.lastChange(userId) > list.asOf) {
      moveChanged(userId, list, now);
      for (const { room, type } of matrix.accountData.changesSince(userId, list.asOf, now)) {
        if (room === 0 && type === "m.direct") list.direct = directRooms(matrix, userId);
        if (type === "m.tag") list.facts.delete(room);
      }
    }
    list.asOf = now;
  }

  function moveChanged(userId: string, list: Kept, now: number): void {
    const changed = changedRooms(userId, list.asOf, now);
    if (changed.length === 0) return;
    const gone = new Set(changed.map(({ room }) => room));
    const moved: ListedRoom[] = [];
    for (const nid of gone) {
      list.facts.delete(nid);
      list.stayed.delete(nid);
      const room = one.get(userId, nid);
      if (room) {
        moved.push(room);
        list.byNid.set(nid, room);
        list.byRoomId.set(room.roomId, room);
      } else {
        const before = list.byNid.get(nid);
        list.byNid.delete(nid);
        if (before) list.byRoomId.delete(before.roomId);
      }
    }
    // Somebody who has left is told of what follows no more: their place stays, so the order is looked at anew.
    list.sorted = [...moved, ...list.sorted.filter((room) => !gone.has(room.nid))];
    const inOrder = moved.every((room) => room.recency > list.asOf);
    if (!inOrder || moved.length > 1) list.sorted.sort(byRecency);
  }

  function factsOf(userId: string, list: Kept, { nid }: ListedRoom): RoomFacts {
    const known = list.facts.get(nid);
    if (known) return known;
    const room = matrix.rooms.byNid(nid);
    const type = room && stateOf(room, "m.room.create")?.pdu.content["type"];
    const facts: RoomFacts = {
      encrypted: room !== undefined && stateOf(room, "m.room.encryption") !== undefined,
      tombstoned: room !== undefined && stateOf(room, "m.room.tombstone") !== undefined,
      type: typeof type === "string" ? type : null,
      tags: new Set(namesIn(matrix.accountData.get(userId, nid, "m.tag")?.["tags"])),
    };
    list.facts.set(nid, facts);
    return facts;
  }

  function wasPutOut(userId: string, list: Kept, listed: ListedRoom): boolean {
    if (listed.memberSender === userId || matrix.memberships.forgotten(userId, listed.nid)) return false;
    let stayed = list.stayed.get(listed.nid);
    if (stayed === undefined) {
      const room = matrix.rooms.byNid(listed.nid);
      const intervals = room ? matrix.events.stateIntervals(room, "m.room.member", userId) : [];
      stayed = intervals.some(({ event }) => event.pdu.content["membership"] === "join");
      list.stayed.set(listed.nid, stayed);
    }
    return stayed;
  }

  function keep(userId: string, list: Kept): void {
    // Re-inserted: the first of the map is the user who asked longest ago.
    lists.delete(userId);
    lists.set(userId, list);
    counted -= list.counted;
    list.counted = list.sorted.length + roomsOfAnEmptyList;
    counted += list.counted;
    for (const [oldest, { counted: freed }] of lists) {
      if (counted <= mostRooms || oldest === userId) break;
      lists.delete(oldest);
      counted -= freed;
    }
  }

  return (userId) => {
    const list = lists.get(userId) ?? load(userId);
    refresh(userId, list);
    keep(userId, list);
    return {
      sorted: list.sorted,
      get: (nid) => list.byNid.get(nid),
      find: (roomId) => list.byRoomId.get(roomId),
      isDm: (room) => list.direct.has(room.roomId),
      facts: (room) => factsOf(userId, list, room),
      isPresent(room) {
        if (room.membership === "join" || room.membership === "knock") return true;
        if (room.membership === "invite") {
          return !matrix.invitePermission.hides(userId, room.memberSender);
        }
        return wasPutOut(userId, list, room);
      },
    };
  };
}

const byRecency = (one: ListedRoom, other: ListedRoom): number => other.recency - one.recency;

/** Clients write `m.direct`, so it may be anything. */
function directRooms(matrix: MatrixContext, userId: string): ReadonlySet<string> {
  const rooms = new Set<string>();
  for (const list of Object.values(matrix.accountData.get(userId, 0, "m.direct") ?? {})) {
    if (!Array.isArray(list)) continue;
    for (const roomId of list) if (typeof roomId === "string") rooms.add(roomId);
  }
  return rooms;
}

const namesIn = (value: Json | undefined): string[] =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
