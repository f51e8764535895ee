import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { RoomEvent } from "../events/event.ts";
import { createRecentTails } from "./recent-tails.ts";
import type { Room } from "./room.ts";
import { toRoomEvent } from "./room-store.ts";

/** Reading events and the state that held at them. Positions are `so`; a range is (after, upTo]. */
export interface EventStore {
  byId(eventId: string): RoomEvent | undefined;
  /** Those of the events that there are, by id, in one query. */
  byIds(eventIds: readonly string[]): Map<string, RoomEvent>;
  /** The events at these positions, in the order of the line; where there is none, none. */
  at(positions: readonly number[]): RoomEvent[];
  /** The positions of the room's events at the time (ms) and on from it in the direction, at most so many. */
  positionsByTime(room: Room, time: number, direction: "b" | "f", most: number): Iterable<number>;
  /** The newest `limit` events of the range, oldest first. */
  newest(room: Room, after: number, upTo: number, limit: number): RoomEvent[];
  /** The oldest `limit` events of the range, oldest first. */
  oldest(room: Room, after: number, upTo: number, limit: number): RoomEvent[];
  /** The state after the event at `so` took effect. */
  stateAt(room: Room, so: number): RoomEvent[];
  stateEventAt(room: Room, so: number, type: string, key: string): RoomEvent | undefined;
  /** What differs in the state at `upTo` from that at `after`: the newest event of each key that changed. */
  stateChanges(room: Room, after: number, upTo: number): RoomEvent[];
  /** Every value that one piece of state has had, oldest first; `toSo` null: it holds now. */
  stateIntervals(room: Room, type: string, key: string): StateInterval[];
  /** What each of these state events replaced, by the position of the replacing one. */
  replacedBy(events: readonly RoomEvent[]): Map<number, RoomEvent>;
  /** The position of the last event before the time, in Unix ms, by the clock of when it came. */
  positionAt(time: number): number;
  /** The transaction id with which this device sent the event, for `unsigned.transaction_id`. */
  transactionOf(event: RoomEvent, userId: string, deviceId: string): string | undefined;
  /** Inside the write that stores the event: whom it wakes, and the index of the search, find it as it is. */
  stored(transaction: Transaction, event: RoomEvent, sentAs: SentAs | undefined): void;
  /** Forgets what memory holds of an event that was changed (redaction). */
  changed(so: number): void;
}

/** The device and transaction id with which a client sent it. */
export interface SentAs {
  readonly deviceId: string;
  readonly txnId: string;
}

export interface StateInterval {
  readonly fromSo: number;
  readonly toSo: number | null;
  readonly event: RoomEvent;
}

interface EventRow {
  so: number;
  room_id: string;
  event_id: string;
  pdu: string;
  redacted_by: string | null;
  sender_device: string | null;
  txn_id: string | null;
}

interface TimeRow {
  so: number;
  time: number;
}

/** A message wakes everyone in its room at once: parse it once for all of them. */
const recentCapacity = 2048;

export function createEventStore(database: Database): EventStore {
  const columns = "e.so, e.event_id, e.pdu, e.redacted_by, e.sender_device, e.txn_id";
  const prepare = <Row = EventRow>(sql: string) => database.prepare<Row>(sql);
  const byId = prepare(
    `SELECT r.room_id, ${columns} FROM events e JOIN rooms r ON r.nid = e.room WHERE e.event_id = ?`,
  );
  const byIds = prepare(
    `SELECT r.room_id, ${columns} FROM json_each(?) wanted JOIN events e ON e.event_id = wanted.value
     JOIN rooms r ON r.nid = e.room`,
  );
  const at = prepare(
    `SELECT r.room_id, ${columns} FROM json_each(?) wanted CROSS JOIN events e ON e.so = wanted.value
     CROSS JOIN rooms r ON r.nid = e.room ORDER BY e.so`,
  );
  const later = prepare<TimeRow>(
    `SELECT so, origin_ts AS time FROM events INDEXED BY events_by_time
     WHERE room = ? AND (origin_ts, so) > (?, ?) ORDER BY origin_ts, so LIMIT ?`,
  );
  const earlier = prepare<TimeRow>(
    `SELECT so, origin_ts AS time FROM events INDEXED BY events_by_time
     WHERE room = ? AND (origin_ts, so) < (?, ?) ORDER BY origin_ts DESC, so DESC LIMIT ?`,
  );
  const replaced = prepare<EventRow & { replacing: number }>(
    `SELECT wanted.value AS replacing, r.room_id, ${columns} FROM json_each(?) wanted
     JOIN events new ON new.so = wanted.value
     JOIN state s ON s.room = new.room AND s.type = new.type AND s.state_key = new.state_key AND s.to_so = new.so
     JOIN events e ON e.so = s.from_so JOIN rooms r ON r.nid = e.room`,
  );
  const newest = prepare(
    `SELECT ${columns} FROM events e WHERE room = ? AND so > ? AND so <= ? ORDER BY so DESC LIMIT ?`,
  );
  const oldest = prepare(
    `SELECT ${columns} FROM events e WHERE room = ? AND so > ? AND so <= ? ORDER BY so LIMIT ?`,
  );
  const stateAt = prepare(
    `SELECT ${columns} FROM state s JOIN events e ON e.so = s.from_so
     WHERE s.room = ? AND s.from_so <= ? AND (s.to_so IS NULL OR s.to_so > ?) ORDER BY s.from_so`,
  );
  const stateEventAt = prepare(
    `SELECT ${columns} FROM state s JOIN events e ON e.so = s.from_so
     WHERE s.room = ? AND s.type = ? AND s.state_key = ? AND s.from_so <= ? AND (s.to_so IS NULL OR s.to_so > ?)`,
  );
  const stateChanges = prepare(
    `SELECT ${columns} FROM state s JOIN events e ON e.so = s.from_so
     WHERE s.room = ? AND s.from_so > ? AND s.from_so <= ? AND (s.to_so IS NULL OR s.to_so > ?) ORDER BY s.from_so`,
  );
  const intervals = prepare<EventRow & { from_so: number; to_so: number | null }>(
    `SELECT s.from_so, s.to_so, ${columns} FROM state s JOIN events e ON e.so = s.from_so
     WHERE s.room = ? AND s.type = ? AND s.state_key = ? ORDER BY s.from_so`,
  );
  const nextAfter = prepare<{ so: number; origin_ts: number }>(
    "SELECT so, origin_ts FROM events WHERE so > ? ORDER BY so LIMIT 1",
  );
  const last = prepare<{ so: number | null }>("SELECT max(so) AS so FROM events");
  const transaction = prepare<{ sender_device: string | null; txn_id: string | null }>(
    "SELECT sender_device, txn_id FROM events WHERE so = ?",
  );
  const recent = new Map<number, RoomEvent>();
  const tails = createRecentTails();
  // Beside the event and not in it: no other device may see it.
  const sentAs = new WeakMap<RoomEvent, { device: string | null; txnId: string | null }>();

  function keep(event: RoomEvent, device: string | null, txnId: string | null): RoomEvent {
    sentAs.set(event, { device, txnId });
    recent.set(event.so, event);
    if (recent.size > recentCapacity) {
      const oldestKey = recent.keys().next().value;
      if (oldestKey !== undefined) recent.delete(oldestKey);
    }
    return event;
  }

  const toEvent = (row: EventRow, roomId: string): RoomEvent =>
    recent.get(row.so) ?? keep(toRoomEvent(row, roomId), row.sender_device, row.txn_id);

  return {
    byId(eventId) {
      const row = byId.get(eventId);
      return row && toEvent(row, row.room_id);
    },
    byIds(eventIds) {
      if (eventIds.length === 0) return new Map();
      return new Map(
        byIds.all(JSON.stringify(eventIds)).map((row) => [row.event_id, toEvent(row, row.room_id)]),
      );
    },
    at: (positions) => at.all(JSON.stringify(positions)).map((row) => toEvent(row, row.room_id)),
    *positionsByTime(room, time, direction, most) {
      const statement = direction === "f" ? later : earlier;
      let reached: TimeRow = { time, so: direction === "f" ? 0 : Number.MAX_SAFE_INTEGER };
      // The first one nearly always does.
      for (let batch = 10, seen = 0; seen < most; seen += batch, batch = 1000) {
        const rows = statement.all(room.nid, reached.time, reached.so, batch);
        for (const row of rows) yield row.so;
        if (rows.length < batch) return;
        reached = rows.at(-1) ?? reached;
      }
    },
    replacedBy(events) {
      const wanted = events.filter((event) => event.pdu.state_key !== undefined).map((event) => event.so);
      if (wanted.length === 0) return new Map();
      return new Map(
        replaced.all(JSON.stringify(wanted)).map((row) => [row.replacing, toEvent(row, row.room_id)]),
      );
    },
    newest: (room, after, upTo, limit) =>
      tails.newest(room.roomId, after, upTo, limit) ??
      newest
        .all(room.nid, after, upTo, limit)
        .map((row) => toEvent(row, room.roomId))
        .toReversed(),
    oldest: (room, after, upTo, limit) =>
      oldest.all(room.nid, after, upTo, limit).map((row) => toEvent(row, room.roomId)),
    stateAt: (room, so) => stateAt.all(room.nid, so, so).map((row) => toEvent(row, room.roomId)),
    stateEventAt(room, so, type, key) {
      const row = stateEventAt.get(room.nid, type, key, so, so);
      return row && toEvent(row, room.roomId);
    },
    stateChanges: (room, after, upTo) =>
      after >= room.stateSo
        ? []
        : stateChanges.all(room.nid, after, upTo, upTo).map((row) => toEvent(row, room.roomId)),
    stateIntervals: (room, type, key) =>
      intervals
        .all(room.nid, type, key)
        .map((row) => ({ fromSo: row.from_so, toSo: row.to_so, event: toEvent(row, room.roomId) })),
    positionAt(time) {
      // Times rise with positions, and have no index of their own: halved until they meet.
      let before = 0;
      let after = last.get()?.so ?? 0;
      while (before < after) {
        const middle = Math.floor((before + after) / 2);
        const event = nextAfter.get(middle);
        if (event && event.origin_ts < time) before = event.so;
        else after = middle;
      }
      return before;
    },
    transactionOf(event, userId, deviceId) {
      if (event.pdu.sender !== userId) return undefined;
      let sent = sentAs.get(event);
      if (!sent) {
        const row = transaction.get(event.so);
        sent = { device: row?.sender_device ?? null, txnId: row?.txn_id ?? null };
        sentAs.set(event, sent);
      }
      return sent.device === deviceId ? (sent.txnId ?? undefined) : undefined;
    },
    stored(write, event, sent) {
      keep(event, sent?.deviceId ?? null, sent?.txnId ?? null);
      tails.push(event);
      write.onRollback(() => {
        recent.delete(event.so);
        tails.drop(event.roomId);
      });
    },
    changed(so) {
      recent.delete(so);
      tails.dropWith(so);
    },
  };
}
