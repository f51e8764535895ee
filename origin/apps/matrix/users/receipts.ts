import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject, RoomEvent } from "../events/event.ts";
import { invalidParam } from "../matrix-error.ts";
import type { UnreadMarks } from "../push/unread-marks.ts";
import { relationOf } from "../rooms/append.ts";
import type { EventStore } from "../rooms/event-store.ts";
import type { Room } from "../rooms/room.ts";
import type { Stream } from "../store/stream.ts";
import type { Waiters } from "../sync/waiters.ts";
import type { AccountData } from "./account-data.ts";

/** How far people have read (specification §Receipts, §Fully read markers). */
export interface Receipts {
  /**
   * Moves the receipt forward, never back, and clears the unread marks up to it. `thread` is `main`, a root's
   * event id, or empty for a receipt over all threads. Throws 400 M_INVALID_PARAM when the event is not of the thread.
   */
  set(transaction: Transaction, room: Room, receipt: Receipt): void;
  /** Moves `m.fully_read`, which is account data and clears nothing. */
  setFullyRead(transaction: Transaction, room: Room, userId: string, event: RoomEvent): void;
  /** The `m.receipt` contents by room (nid) of what changed in (after, upTo] in the rooms the user is joined to. */
  changesSince(userId: string, after: number, upTo: number): ReadonlyMap<number, readonly JsonObject[]>;
  /** Every receipt of one room that the user may see, for someone who has just joined; undefined when none. */
  inRoom(userId: string, room: number): readonly JsonObject[] | undefined;
  /** Takes away all of the user's in these rooms, without telling. */
  erase(transaction: Transaction, userId: string, rooms: readonly number[]): void;
}

export interface Receipt {
  readonly userId: string;
  readonly type: "m.read" | "m.read.private";
  readonly event: RoomEvent;
  readonly thread: string;
}

interface ReceiptRow {
  room: number;
  user: string;
  type: string;
  thread: string;
  event_id: string;
  ts: number;
}

export function createReceipts(parts: {
  database: Database;
  stream: Stream;
  waiters: Waiters;
  events: EventStore;
  accountData: AccountData;
  unread: UnreadMarks;
  now: () => number;
}): Receipts {
  const { database, stream, waiters, events, accountData, unread, now } = parts;
  const find = database.prepare<{ event_so: number }>(
    "SELECT event_so FROM receipts WHERE room = ? AND user = ? AND type = ? AND thread = ?",
  );
  const save = database.prepare(
    `INSERT INTO receipts (room, user, type, thread, event_id, event_so, ts, so) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET event_id = excluded.event_id, event_so = excluded.event_so, ts = excluded.ts, so = excluded.so`,
  );
  const columns = "r.room, r.user, r.type, r.thread, r.event_id, r.ts";
  const visible = "(r.type <> 'm.read.private' OR r.user = ?1)";
  const joined = "m.user = ?1 AND m.membership = 'join'";
  const all = database.prepare<ReceiptRow>(
    `SELECT ${columns} FROM memberships m JOIN receipts r ON r.room = m.room WHERE ${joined} AND ${visible}`,
  );
  // From the receipts that moved to the rooms: how many rooms the user is in must not matter.
  const changes = database.prepare<ReceiptRow>(
    `SELECT ${columns} FROM receipts r INDEXED BY receipts_by_position CROSS JOIN memberships m ON m.room = r.room
     WHERE r.so > ?2 AND r.so <= ?3 AND ${joined} AND ${visible}`,
  );
  const ofRoom = database.prepare<ReceiptRow>(
    `SELECT ${columns} FROM receipts r WHERE r.room = ?2 AND ${visible}`,
  );
  const drop = database.prepare("DELETE FROM receipts WHERE room = ? AND user = ?");
  /** No receipt of anybody has moved after it: what a message wakes need not look for any. */
  let newest = stream.current();

  function set(transaction: Transaction, room: Room, receipt: Receipt): void {
    const { userId, type, event, thread } = receipt;
    if (thread !== "" && !isInThread(events, event, thread)) {
      throw invalidParam("The event does not belong to the thread in thread_id.");
    }
    const known = find.get(room.nid, userId, type, thread);
    if (known && known.event_so >= event.so) return;
    const so = stream.next(transaction);
    newest = so;
    save.run(room.nid, userId, type, thread, event.eventId, event.so, now(), so);
    unread.clear(transaction, userId, room.nid, event.so, thread === "" ? undefined : thread);
    // A private receipt is nobody else's business; one's own other devices hear of the new counts.
    const concerned = type === "m.read" ? [...room.joined] : [userId];
    transaction.afterCommit(() => waiters.notify(concerned, so));
  }

  function setFullyRead(transaction: Transaction, room: Room, userId: string, event: RoomEvent): void {
    const known = accountData.get(userId, room.nid, "m.fully_read")?.["event_id"];
    const before = typeof known === "string" ? events.byId(known) : undefined;
    if (before && before.so >= event.so) return;
    accountData.set(transaction, userId, room.nid, "m.fully_read", { event_id: event.eventId });
  }

  return {
    set,
    setFullyRead,
    changesSince(userId, after, upTo) {
      if (after === 0) return toContents(all.all(userId));
      return after >= newest ? noContents : toContents(changes.all(userId, after, upTo));
    },
    inRoom: (userId, room) => toContents(ofRoom.all(userId, room)).get(room),
    erase(_transaction, userId, rooms) {
      for (const room of rooms) drop.run(room, userId);
    },
  };
}

const noContents: ReadonlyMap<number, ReceiptContent[]> = new Map();

type ReceiptContent = Record<string, Record<string, Record<string, JsonObject>>>;

/**
 * `m.receipt`: event id → type → user → when and where. A content has room for one receipt of a user at an event: who
 * has read up to it in several threads takes several.
 */
function toContents(rows: readonly ReceiptRow[]): Map<number, ReceiptContent[]> {
  const contents = new Map<number, ReceiptContent[]>();
  for (const { room, event_id: eventId, type, user, thread, ts } of rows) {
    let list = contents.get(room);
    if (!list) contents.set(room, (list = []));
    let content = list.find((each) => each[eventId]?.[type]?.[user] === undefined);
    if (!content) list.push((content = {}));
    ((content[eventId] ??= {})[type] ??= {})[user] = thread === "" ? { ts } : { ts, thread_id: thread };
  }
  return contents;
}

/** How far a relation is followed to find the thread: a reaction to an edit of a reply is as deep as clients go. */
const deepest = 3;

/**
 * Specification §Threaded read receipts: an event is in a thread by its own relation or by that of the event it
 * relates to; a root stands in the main timeline and opens its thread, so it counts for both.
 */
function isInThread(events: EventStore, event: RoomEvent, thread: string): boolean {
  let current = event;
  for (let depth = 0; depth <= deepest; depth += 1) {
    const relation = relationOf(current.pdu);
    if (relation?.relType === "m.thread") return relation.eventId === thread;
    const target = relation && events.byId(relation.eventId);
    if (!target || target.roomId !== event.roomId) break;
    current = target;
  }
  return thread === "main" || current.eventId === thread;
}
