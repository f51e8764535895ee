import type { Database } from "../../../storage/database.ts";
import { namesIn, nameOf } from "./unread-names.ts";

/** Rows that one write looks at, some milliseconds: others must get their turn in between. */
const rowsAWrite = 2000;

/**
 * Deletes notifications from the oldest on, in each room up to the first that somebody in it has not read or that is
 * still kept for GET /notifications, and the threads' marks that no notification is left for. Nobody's counts change. One idle member holds up a room: the
 * counts are short for the others all the same, for they begin at their marks.
 */
export function createExpiry(database: Database): (upTo: number) => Promise<void> {
  const nextRoom = database.prepare<{ room: number }>(
    "SELECT room FROM notifications WHERE room > ? ORDER BY room LIMIT 1",
  );
  const marksIn = database.prepare<{ user: string; thread: string; so: number }>(
    "SELECT user, thread, so FROM read_marks WHERE room = ?",
  );
  const oldest = database.prepare<{ so: number; thread: string; users: string }>(
    "SELECT so, thread, users FROM notifications WHERE room = ? AND so <= ? ORDER BY so LIMIT ?",
  );
  const drop = database.prepare("DELETE FROM notifications WHERE room = ? AND so <= ?");
  const dropThreadMarks = database.prepare(
    `DELETE FROM read_marks WHERE room = ?1 AND thread <> ''
     AND so < coalesce((SELECT min(so) FROM notifications WHERE room = ?1), so + 1)`,
  );

  /** How many rows it read, all of which were deleted where `more`. */
  function trim(room: number, last: number, limit: number): { read: number; more: boolean } {
    // Name → thread → position.
    const marks = new Map<string, Map<string, number>>();
    let read = 0;
    for (const { user, thread, so } of marksIn.all(room)) {
      const name = nameOf(user);
      let ofUser = marks.get(name);
      if (!ofUser) marks.set(name, (ofUser = new Map()));
      ofUser.set(thread, so);
      read += 1;
    }
    const isRead = (name: string, thread: string, so: number): boolean => {
      const ofUser = marks.get(name);
      // Without a mark they are not in the room any more.
      return !ofUser || so <= Math.max(ofUser.get("") ?? 0, ofUser.get(thread) ?? 0);
    };
    let upTo: number | undefined;
    let more = false;
    const rows = oldest.all(room, last, limit);
    for (const { so, thread, users } of rows) {
      read += 1;
      more = namesIn(users).every((name) => isRead(name, thread, so));
      if (!more) break;
      upTo = so;
    }
    if (upTo !== undefined) drop.run(room, upTo);
    dropThreadMarks.run(room);
    return { read, more: more && rows.length === limit };
  }

  /** Goes on after the room; gives the one to go on after, or undefined at the end. */
  function trimSome(after: number, last: number): number | undefined {
    let done = after;
    for (let left = rowsAWrite; left > 0; ) {
      const room = nextRoom.get(done)?.room;
      if (room === undefined) return undefined;
      const { read, more } = trim(room, last, left);
      left -= read;
      if (more) return done;
      done = room;
    }
    return done;
  }

  return async function expire(last) {
    let done: number | undefined = 0;
    while (done !== undefined) {
      const after: number = done;
      done = await database.write(() => trimSome(after, last));
    }
  };
}
