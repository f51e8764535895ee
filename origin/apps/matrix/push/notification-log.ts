import type { Database } from "../../../storage/database.ts";
import { namedIn, tweaksFor } from "./unread-names.ts";

/** Reading, for one member, what notified them: in the order of events, over all rooms. */
export interface NotificationLog {
  /**
   * The first notification after the position among the next events, `upTo` being the last of those: where there is
   * none, look on from there. `upTo` is undefined at the end.
   */
  next(userId: string, after: number): { found: LoggedNotification | undefined; upTo: number | undefined };
  /**
   * The newest first, of the events before the position: at most `limit`, and of at most some thousand events.
   * `from` is where the next look goes on; undefined at the beginning of everything.
   */
  before(
    userId: string,
    before: number,
    limit: number,
    onlyHighlights: boolean,
  ): { found: LoggedNotification[]; from: number | undefined };
}

export interface LoggedNotification {
  /** rooms.nid */
  readonly room: number;
  readonly so: number;
  readonly read: boolean;
  /** JSON; empty for none. */
  readonly tweaks: string;
}

interface Row {
  room: number;
  so: number;
  tweaks: string;
  /** Null for someone who is not in the room. */
  readUpTo: number | null;
}

/** Events that one look goes through, 1 or 2 ms: a notification is found by its event, for it has no index of its own. */
const eventsALook = 1000;

export function createNotificationLog(database: Database): NotificationLog {
  const lastOf = database.prepare<{ so: number | null }>(
    `SELECT max(so) AS so FROM (SELECT so FROM events WHERE so > ? ORDER BY so LIMIT ${eventsALook})`,
  );
  const firstOf = database.prepare<{ so: number | null }>(
    `SELECT min(so) AS so FROM (SELECT so FROM events WHERE so < ? ORDER BY so DESC LIMIT ${eventsALook})`,
  );
  const rows = `SELECT n.room, n.so, n.tweaks,
      (SELECT max(m.so) FROM read_marks m
       WHERE m.room = n.room AND m.user = ?1 AND m.thread IN ('', n.thread)) AS readUpTo
    FROM events e CROSS JOIN notifications n ON n.room = e.room AND n.so = e.so`;
  const first = database.prepare<Row>(
    `${rows} WHERE e.so > ?3 AND e.so <= ?4 AND instr(n.users, ?2) ORDER BY e.so LIMIT 1`,
  );
  const newest = database.prepare<Row>(
    `${rows} WHERE e.so < ?3 AND e.so >= ?4 AND instr(n.users, ?2) ORDER BY e.so DESC LIMIT ?5`,
  );
  const highlights = database.prepare<Row>(
    `${rows} WHERE e.so < ?3 AND e.so >= ?4 AND instr(n.highlighted, ?2) ORDER BY e.so DESC LIMIT ?5`,
  );

  const shownTo = (userId: string, { room, so, tweaks, readUpTo }: Row): LoggedNotification => ({
    room,
    so,
    // Who is not in the room has nothing to read there.
    read: readUpTo === null || so <= readUpTo,
    tweaks: tweaksFor(tweaks, userId),
  });

  return {
    next(userId, after) {
      const upTo = lastOf.get(after)?.so ?? undefined;
      const row = upTo === undefined ? undefined : first.get(userId, namedIn(userId), after, upTo);
      return { found: row && shownTo(userId, row), upTo };
    },
    before(userId, before, limit, onlyHighlights) {
      const start = firstOf.get(before)?.so ?? undefined;
      if (start === undefined) return { found: [], from: undefined };
      const query = onlyHighlights ? highlights : newest;
      const found = query.all(userId, namedIn(userId), before, start, limit);
      const last = found.length === limit ? found.at(-1)?.so : undefined;
      return { found: found.map((row) => shownTo(userId, row)), from: last ?? start };
    },
  };
}
