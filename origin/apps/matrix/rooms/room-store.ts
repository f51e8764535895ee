import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Pdu, RoomEvent } from "../events/event.ts";
import { roomVersions, type RoomVersion } from "../events/room-version.ts";
import { type Membership, type Room, stateKey } from "./room.ts";

export interface RoomStore {
  /** By room id; undefined when there is none. */
  get(roomId: string): Room | undefined;
  byNid(nid: number): Room | undefined;
  /** Makes the row of a new, still empty room; only inside a write. */
  create(transaction: Transaction, roomId: string, version: RoomVersion): Room;
  /** Closes the room for good; only inside a write. What memory holds of it is dropped. */
  close(transaction: Transaction, room: Room, at: number): void;
  /** Drops what memory holds of the room: the next `get` reads the tables. */
  forget(room: Room): void;
}

interface EventRow {
  so: number;
  event_id: string;
  pdu: string;
  redacted_by: string | null;
}

interface RoomRow {
  nid: number;
  room_id: string;
  version: string;
  deleted_at: number | null;
}

/** Rooms in memory at the same time: a handful of people rarely touch more in one hour. */
const capacity = 512;

export function createRoomStore(database: Database): RoomStore {
  const byRoomId = database.prepare<RoomRow>(
    "SELECT nid, room_id, version, deleted_at FROM rooms WHERE room_id = ?",
  );
  const byNidRow = database.prepare<RoomRow>(
    "SELECT nid, room_id, version, deleted_at FROM rooms WHERE nid = ?",
  );
  const currentState = database.prepare<EventRow>(
    `SELECT e.so, e.event_id, e.pdu, e.redacted_by FROM state s JOIN events e ON e.so = s.from_so
     WHERE s.room = ? AND s.to_so IS NULL ORDER BY e.so`,
  );
  const lastEvent = database.prepare<EventRow>(
    "SELECT so, event_id, pdu, redacted_by FROM events WHERE room = ? ORDER BY so DESC LIMIT 1",
  );
  const insert = database.prepare("INSERT INTO rooms (room_id, version) VALUES (?, ?)");
  const close = database.prepare("UPDATE rooms SET deleted_at = ? WHERE nid = ?");
  // Map keeps insertion order: re-inserting on use makes the first key the least recently used.
  const cache = new Map<number, Room>();
  const nids = new Map<string, number>();

  function keep(room: Room): Room {
    cache.set(room.nid, room);
    nids.set(room.roomId, room.nid);
    if (cache.size > capacity) {
      const oldest = cache.values().next().value;
      if (oldest) forget(oldest);
    }
    return room;
  }

  function forget(room: Room): void {
    // Not only if it is this very object: after a commit that failed, one loaded meanwhile is as wrong.
    cache.delete(room.nid);
    nids.delete(room.roomId);
  }

  function touch(nid: number): Room | undefined {
    const room = cache.get(nid);
    if (room && cache.size > capacity / 2) {
      cache.delete(nid);
      cache.set(nid, room);
    }
    return room;
  }

  function load(row: RoomRow | undefined): Room | undefined {
    if (!row) return undefined;
    const version = roomVersions.get(row.version);
    if (!version)
      throw new Error(`Room ${row.room_id} has version ${row.version}, which this Burrow does not know.`);
    const room = emptyRoom(row.nid, row.room_id, version, row.deleted_at !== null);
    for (const event of currentState.all(row.nid)) applyState(room, toRoomEvent(event, row.room_id));
    const last = lastEvent.get(row.nid);
    if (last) {
      room.last = { eventId: last.event_id, so: last.so, depth: (JSON.parse(last.pdu) as Pdu).depth };
    }
    return keep(room);
  }

  return {
    get(roomId) {
      const nid = nids.get(roomId);
      return (nid === undefined ? undefined : touch(nid)) ?? load(byRoomId.get(roomId));
    },
    byNid: (nid) => touch(nid) ?? load(byNidRow.get(nid)),
    create(transaction, roomId, version) {
      const { lastInsertRowid } = insert.run(roomId, version.id);
      const room = keep(emptyRoom(lastInsertRowid, roomId, version, false));
      transaction.onRollback(() => forget(room));
      return room;
    },
    close(transaction, room, at) {
      close.run(at, room.nid);
      forget(room);
      transaction.onRollback(() => forget(room));
    },
    forget,
  };
}

export function toRoomEvent(row: EventRow, roomId: string): RoomEvent {
  return {
    so: row.so,
    eventId: row.event_id,
    roomId,
    pdu: JSON.parse(row.pdu) as Pdu,
    redactedBy: row.redacted_by,
  };
}

function emptyRoom(nid: number, roomId: string, version: RoomVersion, deleted: boolean): Room {
  const state = new Map<string, RoomEvent>();
  return {
    nid,
    roomId,
    version,
    deleted,
    state,
    stateSo: 0,
    members: new Map(),
    joined: new Set(),
    last: undefined,
    get(type, key) {
      const event = state.get(stateKey(type, key));
      return event && { eventId: event.eventId, sender: event.pdu.sender, content: event.pdu.content };
    },
  };
}

/** Makes a state event the current one in memory. */
export function applyState(room: Room, event: RoomEvent): void {
  const { type, state_key: key, content } = event.pdu;
  if (key === undefined) return;
  room.state.set(stateKey(type, key), event);
  // A redaction puts an older event in its own place again.
  room.stateSo = Math.max(room.stateSo, event.so);
  if (type !== "m.room.member") return;
  const membership = content["membership"] as Membership;
  room.members.set(key, membership);
  if (membership === "join") room.joined.add(key);
  else room.joined.delete(key);
}
