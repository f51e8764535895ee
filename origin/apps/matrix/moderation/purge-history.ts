import type { JobKind } from "../jobs/run-jobs.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { notFound } from "../matrix-error.ts";
import type { Room } from "../rooms/room.ts";
import { purgeEvents } from "./purge-events.ts";

const notificationsAWrite = 1000;

/**
 * Deletes what was said in a room before a time. The state that held then stays, and so does the room's last event:
 * who may read what is judged by the one, and the next message is chained to the other.
 */
export const purgeHistory: JobKind = (matrix, transaction, job) => {
  const { room_id: roomId, before } = job.arguments as { room_id: string; before: number };
  const room = matrix.rooms.get(roomId);
  if (!room || room.deleted) throw notFound("There is no such room.");
  const [upTo, after] = (job.cursor ?? [lastBefore(matrix, room, before), 0]) as [number, number];
  if (matrix.unread.purge(transaction, room.nid, upTo, notificationsAWrite) === notificationsAWrite) {
    return { next: [upTo, after], did: 0 };
  }
  const { next, deleted } = purgeEvents(matrix, transaction, room, {
    after,
    upTo,
    keeps: ({ heldUntil }) => heldUntil === null || (heldUntil !== undefined && heldUntil > upTo),
  });
  return { next: next === null ? null : [upTo, next], did: deleted };
};

/** The position of the last event before the time, by halving: events come in the order of the clock, nearly. */
function lastBefore(matrix: MatrixContext, room: Room, time: number): number {
  const from = matrix.database.prepare<{ so: number; origin_ts: number }>(
    "SELECT so, origin_ts FROM events WHERE room = ? AND so >= ? ORDER BY so LIMIT 1",
  );
  let low = 0;
  let high = (room.last?.so ?? 1) - 1;
  while (low < high) {
    const middle = low + Math.ceil((high - low) / 2);
    const event = from.get(room.nid, middle);
    if (event && event.so <= high && event.origin_ts < time) low = event.so;
    else high = middle - 1;
  }
  return low;
}
