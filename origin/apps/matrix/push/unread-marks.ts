import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";

/**
 * What is unread: one row for each event and member whom it should notify. This is the only door to the table. The
 * sums are kept in memory, since every message asks for those of everyone in its room: counting the rows each time
 * would cost a member more, the longer they have not read.
 */
export interface UnreadMarks {
  /** `thread`: the root's event id, or `main`. */
  add(
    transaction: Transaction,
    userId: string,
    room: number,
    mark: { readonly so: number; readonly thread: string; readonly highlight: boolean },
  ): void;
  /** Inside a write: everything up to the position is read, in one thread or, without `thread`, in all of them. */
  clear(userId: string, room: number, upTo: number, thread?: string): void;
  /** Inside a write: the event no longer counts for the user. */
  remove(userId: string, room: number, so: number): void;
  /** Of all rooms with anything unread, by nid, in one query. */
  byRoom(userId: string): ReadonlyMap<number, Unread>;
  inRoom(userId: string, room: number): Unread;
}

/** As it stands in `unread_notifications`. */
export interface UnreadCount {
  readonly notification_count: number;
  readonly highlight_count: number;
}

export interface Unread {
  /** Of every thread together: for clients that do not ask for threads. */
  readonly total: UnreadCount;
  /** Outside threads. */
  readonly main: UnreadCount;
  /** By root event id. */
  readonly threads: ReadonlyMap<string, UnreadCount>;
}

interface UnreadRow {
  room: number;
  thread: string;
  notifications: number;
  highlights: number;
}

const nothing: UnreadCount = { notification_count: 0, highlight_count: 0 };
export const nothingUnread: Unread = { total: nothing, main: nothing, threads: new Map() };

/** Pairs of a user and a room whose sums are kept: about 200 bytes each. */
const capacity = 10_000;

export function createUnreadMarks(database: Database): UnreadMarks {
  const insert = database.prepare(
    "INSERT INTO unread (user, room, so, thread, highlight) VALUES (?, ?, ?, ?, ?)",
  );
  const clear = database.prepare("DELETE FROM unread WHERE user = ? AND room = ? AND so <= ?");
  const clearThread = database.prepare(
    "DELETE FROM unread WHERE user = ? AND room = ? AND so <= ? AND thread = ?",
  );
  const remove = database.prepare("DELETE FROM unread WHERE user = ? AND room = ? AND so = ?");
  const columns = "room, thread, count(*) AS notifications, sum(highlight) AS highlights";
  const byRoom = database.prepare<UnreadRow>(
    `SELECT ${columns} FROM unread WHERE user = ? GROUP BY room, thread`,
  );
  const inRoom = database.prepare<UnreadRow>(
    `SELECT ${columns} FROM unread WHERE user = ? AND room = ? GROUP BY thread`,
  );
  // An absent sum is always right: the rows are counted. Nobody reads between a change and its commit or undoing.
  const sums = new Map<string, Unread>();
  const keyOf = (userId: string, room: number): string => `${room} ${userId}`;

  return {
    add(transaction, userId, room, { so, thread, highlight }) {
      insert.run(userId, room, so, thread, highlight ? 1 : 0);
      const key = keyOf(userId, room);
      const sum = sums.get(key);
      if (!sum) return;
      sums.set(key, plus(sum, thread, { notification_count: 1, highlight_count: highlight ? 1 : 0 }));
      transaction.onRollback(() => void sums.delete(key));
    },
    clear(userId, room, upTo, thread) {
      const { changes } =
        thread === undefined ? clear.run(userId, room, upTo) : clearThread.run(userId, room, upTo, thread);
      if (changes > 0) sums.delete(keyOf(userId, room));
    },
    remove(userId, room, so) {
      if (remove.run(userId, room, so).changes > 0) sums.delete(keyOf(userId, room));
    },
    byRoom: (userId) => addUp(byRoom.all(userId)),
    inRoom(userId, room) {
      const key = keyOf(userId, room);
      const known = sums.get(key);
      if (known) return known;
      const counted = addUp(inRoom.all(userId, room)).get(room) ?? nothingUnread;
      if (sums.size >= capacity) sums.clear();
      sums.set(key, counted);
      return counted;
    },
  };
}

function addUp(rows: readonly UnreadRow[]): Map<number, Unread> {
  const found = new Map<number, Unread>();
  for (const { room, thread, notifications, highlights } of rows) {
    const count = { notification_count: notifications, highlight_count: highlights };
    found.set(room, plus(found.get(room) ?? nothingUnread, thread, count));
  }
  return found;
}

function plus(sum: Unread, thread: string, more: UnreadCount): Unread {
  const total = added(sum.total, more);
  if (thread === "main") return { ...sum, total, main: added(sum.main, more) };
  const threads = new Map(sum.threads).set(thread, added(sum.threads.get(thread) ?? nothing, more));
  return { ...sum, total, threads };
}

const added = (one: UnreadCount, other: UnreadCount): UnreadCount => ({
  notification_count: one.notification_count + other.notification_count,
  highlight_count: one.highlight_count + other.highlight_count,
});
