import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import { createExpiry } from "./expire-notifications.ts";
import {
  countOf,
  nothingUnread,
  plus,
  type Unread,
  unreadFromText,
  unreadToText,
  withCount,
} from "./unread.ts";
import { namedIn, nameOf, namesIn, namesOf, tweaksToText } from "./unread-names.ts";

/**
 * What is unread: one row for each event that notifies anybody, whatever their number, and how far each member has
 * read. This is the only door by which these tables change. The sums are kept in memory, since every message asks for those of
 * everyone in its room.
 */
export interface UnreadMarks {
  /** The event notifies these users; `highlighted` are some of them. `thread`: the root's event id, or `main`. */
  add(transaction: Transaction, room: number, notification: Notification): void;
  /** Everything up to the position is read, in one thread or, without `thread`, in all of them. */
  clear(transaction: Transaction, userId: string, room: number, upTo: number, thread?: string): void;
  /** The event no longer counts for anyone. */
  remove(transaction: Transaction, room: number, so: number): void;
  /** The user is in the room now, or invited: nothing up to the position concerns them. Who was so before stays as they are. */
  enter(transaction: Transaction, userId: string, room: number, upTo: number): void;
  /** Nothing is unread any more for who is not in the room. */
  leave(transaction: Transaction, userId: string, room: number): void;
  /** Of all rooms with anything unread, by nid. */
  byRoom(userId: string): ReadonlyMap<number, Unread>;
  inRoom(userId: string, room: number): Unread;
  /** Deletes what everyone has read, up to the position, in writes of a bounded length. */
  expire(upTo: number): Promise<void>;
  /** Called after a commit by which these members, by their localparts, have less to read. */
  onLess(listener: (names: readonly string[]) => void): void;
  /** Forgets at most `limit` of the notifications up to the position, whoever has read them. Returns how many. */
  purge(transaction: Transaction, room: number, upTo: number, limit: number): number;
}

export interface Notification {
  readonly so: number;
  readonly thread: string;
  /** Only people with an account here, whom their localparts tell apart. */
  readonly users: readonly string[];
  readonly highlighted: readonly string[];
  /** By the tweaks (`PushVerdict.tweaks`), whom rules with those notify. */
  readonly tweaked: ReadonlyMap<string, readonly string[]>;
}

/** Where a user stands in a room: read up to `so` in all threads, and perhaps counted up to `counted`. */
interface Stand {
  so: number;
  counted: number | null;
  counts: string | null;
}

interface Tally {
  thread: string;
  /** That were looked at. */
  rows: number;
  notifications: number;
  highlights: number;
}

/** The sums of one room that are in memory. An absent one is always right: it is counted again. */
interface RoomSums {
  /** Rows added since the first of these sums was counted. */
  rows: number;
  /** There is no row of the room behind this position. */
  newest: number;
  readonly byUser: Map<string, Sum>;
}

interface Sum {
  unread: Unread;
  /** `rows` of the room less those that counting again would look at. */
  since: number;
}

/** Pairs of a user and a room whose sums are kept: about 200 bytes each. */
const capacity = 10_000;
/** Rows that counting again may look at, about 1 ms, before the sum is written down as a base. */
const mostRows = 1000;
const end = Number.MAX_SAFE_INTEGER;

export function createUnreadMarks(database: Database): UnreadMarks {
  const insert = database.prepare(
    "INSERT INTO notifications (room, so, thread, users, highlighted, tweaks) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const remove = database.prepare<{ thread: string; users: string }>(
    "DELETE FROM notifications WHERE room = ? AND so = ? RETURNING thread, users",
  );
  const newest = database.prepare<{ so: number }>(
    "SELECT so FROM notifications WHERE room = ? ORDER BY so DESC LIMIT 1",
  );
  // The thread's own mark is looked up only for rows that name the user.
  const after = `n.so > coalesce(
    (SELECT m.so FROM read_marks m WHERE m.room = n.room AND m.user = ?2 AND m.thread = n.thread), 0)`;
  const tally = database.prepare<Tally>(
    `SELECT n.thread, count(*) AS rows,
       count(*) FILTER (WHERE instr(n.users, ?3) AND ${after}) AS notifications,
       count(*) FILTER (WHERE instr(n.highlighted, ?3) AND ${after}) AS highlights
     FROM notifications n WHERE n.room = ?1 AND n.so > ?4 AND n.so <= ?5 GROUP BY n.thread`,
  );
  const findStand = database.prepare<Stand>(
    `SELECT m.so, b.so AS counted, b.counts FROM read_marks m
     LEFT JOIN unread_bases b ON b.room = m.room AND b.user = m.user
     WHERE m.room = ? AND m.user = ? AND m.thread = ''`,
  );
  const rooms = database.prepare<{ room: number }>(
    `SELECT k.room FROM memberships m JOIN read_marks k ON k.room = m.room AND k.user = m.user AND k.thread = ''
     WHERE m.user = ?`,
  );
  const enter = database.prepare(
    "INSERT INTO read_marks (room, user, thread, so) VALUES (?, ?, '', ?) ON CONFLICT DO NOTHING",
  );
  const mark = database.prepare(
    `INSERT INTO read_marks (room, user, thread, so) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET so = max(so, excluded.so)`,
  );
  const position = database.prepare<{ so: number }>(
    "SELECT max(so) AS so FROM read_marks WHERE room = ? AND user = ? AND thread IN ('', ?)",
  );
  const dropMarks = database.prepare("DELETE FROM read_marks WHERE room = ? AND user = ?");
  const dropThreadMarks = database.prepare(
    "DELETE FROM read_marks WHERE room = ? AND user = ? AND thread <> '' AND so <= ?",
  );
  const saveBase = database.prepare(
    `INSERT INTO unread_bases (room, user, so, counts) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET so = excluded.so, counts = excluded.counts`,
  );
  const dropBase = database.prepare("DELETE FROM unread_bases WHERE room = ? AND user = ?");
  const dropBases = database.prepare("DELETE FROM unread_bases WHERE room = ?");
  const purge = database.prepare(
    `DELETE FROM notifications WHERE room = ?1 AND so IN
       (SELECT so FROM notifications WHERE room = ?1 AND so <= ?2 ORDER BY so LIMIT ?3)`,
  );
  const basesFrom = database.prepare<{ user: string; so: number; counts: string }>(
    "SELECT user, so, counts FROM unread_bases WHERE room = ? AND so >= ?",
  );

  const listeners: ((names: readonly string[]) => void)[] = [];
  const tellLess = (transaction: Transaction, names: readonly string[]): void =>
    transaction.afterCommit(() => {
      for (const listener of listeners) listener(names);
    });

  const sums = new Map<number, RoomSums>();
  let kept = 0;

  function keep(userId: string, room: number, unread: Unread, rowsRead: number): void {
    if (kept >= capacity) {
      sums.clear();
      kept = 0;
    }
    let ofRoom = sums.get(room);
    if (!ofRoom) {
      sums.set(room, (ofRoom = { rows: 0, newest: newest.get(room)?.so ?? 0, byUser: new Map() }));
    }
    if (!ofRoom.byUser.has(userId)) kept += 1;
    ofRoom.byUser.set(userId, { unread, since: ofRoom.rows - rowsRead });
    if (rowsRead > mostRows) writeBases(room);
  }

  function forget(userId: string, room: number): void {
    if (sums.get(room)?.byUser.delete(userId)) kept -= 1;
  }

  const newestIn = (room: number): number => sums.get(room)?.newest ?? end;

  const tallyOf = (userId: string, room: number, from: number, upTo: number): Tally[] =>
    from >= Math.min(upTo, newestIn(room)) ? [] : tally.all(room, userId, namedIn(userId), from, upTo);

  function inRoom(userId: string, room: number): Unread {
    const known = sums.get(room)?.byUser.get(userId);
    if (known) return known.unread;
    const stand = findStand.get(room, userId);
    const rows = stand ? tallyOf(userId, room, Math.max(stand.so, stand.counted ?? 0), end) : [];
    const base = stand?.counts ? unreadFromText(stand.counts) : nothingUnread;
    const unread = addUp(base, rows);
    keep(userId, room, unread, rowsOf(rows));
    return unread;
  }

  /** Later, in a write of its own: whoever asks must not wait for it, and without it counting only takes longer. */
  function writeBases(room: number): void {
    const work = (): void => {
      const ofRoom = sums.get(room);
      const last = newest.get(room);
      if (!ofRoom || !last) return;
      for (const [userId, sum] of ofRoom.byUser) {
        if (ofRoom.rows - sum.since < mostRows) continue;
        saveBase.run(room, userId, last.so, unreadToText(sum.unread));
        sum.since = ofRoom.rows;
      }
    };
    database.write(work).catch(() => {});
  }

  /** Counts again, up to the base, what a change behind it concerns. */
  function correctBase(
    userId: string,
    room: number,
    base: { so: number; counts: string },
    from: number,
    thread?: string,
  ): void {
    if (thread === undefined && from >= base.so) {
      dropBase.run(room, userId);
      return;
    }
    const rows = tallyOf(userId, room, from, base.so);
    const counts = recounted(unreadFromText(base.counts), rows, thread);
    saveBase.run(room, userId, base.so, unreadToText(counts));
  }

  return {
    add(transaction, room, { so, thread, users, highlighted, tweaked }) {
      insert.run(room, so, thread, namesOf(users), namesOf(highlighted), tweaksToText(tweaked));
      transaction.onRollback(() => {
        for (const userId of users) forget(userId, room);
      });
      const ofRoom = sums.get(room);
      if (!ofRoom) return;
      for (const userId of users) {
        const sum = ofRoom.byUser.get(userId);
        if (sum) sum.unread = plus(sum.unread, thread, 1, highlighted.includes(userId) ? 1 : 0);
      }
      ofRoom.rows += 1;
      ofRoom.newest = so;
      if (ofRoom.rows % mostRows === 0) writeBases(room);
    },
    clear(transaction, userId, room, upTo, thread) {
      const before = inRoom(userId, room);
      const count = thread === undefined ? before.total : countOf(before, thread);
      // Nothing to note, then: what comes later has a later position.
      if (count.notification_count === 0) return;
      transaction.onRollback(() => forget(userId, room));
      tellLess(transaction, [nameOf(userId)]);
      mark.run(room, userId, thread ?? "", upTo);
      if (thread === undefined) dropThreadMarks.run(room, userId, upTo);
      // Whoever writes has read everything: nothing is left to count.
      const all = upTo >= newestIn(room);
      const from = all ? upTo : (position.get(room, userId, thread ?? "")?.so ?? upTo);
      const stand = findStand.get(room, userId);
      if (stand?.counts) {
        correctBase(userId, room, { so: stand.counted ?? 0, counts: stand.counts }, from, thread);
      }
      const rows = tallyOf(userId, room, from, end);
      const sum = sums.get(room)?.byUser.get(userId);
      const unread = recounted(before, rows, thread);
      if (thread !== undefined && sum) sum.unread = unread;
      else keep(userId, room, unread, rowsOf(rows));
    },
    remove(transaction, room, so) {
      const row = remove.get(room, so);
      if (!row) return;
      const { thread, users } = row;
      tellLess(transaction, namesIn(users));
      const concerned = (userId: string, unread: Unread): boolean =>
        countOf(unread, thread).notification_count > 0 && users.includes(namedIn(userId));
      for (const base of basesFrom.all(room, so)) {
        if (!concerned(base.user, unreadFromText(base.counts))) continue;
        const from = position.get(room, base.user, thread)?.so ?? 0;
        correctBase(base.user, room, base, from, thread);
      }
      for (const [userId, { unread }] of sums.get(room)?.byUser ?? []) {
        if (concerned(userId, unread)) forget(userId, room);
      }
      // What was counted meanwhile lacks the event.
      transaction.onRollback(() => {
        for (const userId of sums.get(room)?.byUser.keys() ?? []) {
          if (users.includes(namedIn(userId))) forget(userId, room);
        }
      });
    },
    enter(transaction, userId, room, upTo) {
      if (enter.run(room, userId, upTo).changes === 0) return;
      forget(userId, room);
      transaction.onRollback(() => forget(userId, room));
    },
    leave(transaction, userId, room) {
      dropMarks.run(room, userId);
      dropBase.run(room, userId);
      forget(userId, room);
      tellLess(transaction, [nameOf(userId)]);
      transaction.onRollback(() => forget(userId, room));
    },
    byRoom(userId) {
      const found = new Map<number, Unread>();
      for (const { room } of rooms.all(userId)) {
        const unread = inRoom(userId, room);
        if (unread.total.notification_count > 0) found.set(room, unread);
      }
      return found;
    },
    inRoom,
    purge(transaction, room, upTo, limit) {
      const forgetSums = (): void => {
        kept -= sums.get(room)?.byUser.size ?? 0;
        sums.delete(room);
      };
      transaction.onRollback(forgetSums);
      // What was summed up counts them still: it is counted again.
      dropBases.run(room);
      forgetSums();
      return purge.run(room, upTo, limit).changes;
    },
    expire: createExpiry(database),
    onLess: (listener) => void listeners.push(listener),
  };
}

const rowsOf = (tallies: readonly Tally[]): number => tallies.reduce((sum, { rows }) => sum + rows, 0);

function addUp(base: Unread, tallies: readonly Tally[]): Unread {
  let unread = base;
  for (const { thread, notifications, highlights } of tallies) {
    if (notifications > 0) unread = plus(unread, thread, notifications, highlights);
  }
  return unread;
}

/** What was counted again replaces what was known: of the one thread, or of all. */
function recounted(before: Unread, tallies: readonly Tally[], thread: string | undefined): Unread {
  if (thread === undefined) return addUp(nothingUnread, tallies);
  const found = tallies.find((tally) => tally.thread === thread);
  return withCount(before, thread, found?.notifications ?? 0, found?.highlights ?? 0);
}
