import type { JobKind } from "../jobs/run-jobs.ts";
import type { MatrixContext } from "../matrix-context.ts";

/** Looked at in one write, and redacted in one: a redaction is an event of its own. */
const eventsAWrite = 300;
const redactionsAWrite = 10;

type Cursor = {
  readonly rooms: number[];
  /** Of the first room, those up to here are done. */
  readonly after: number;
  /** Where the stream stood when the job began. */
  readonly upTo: number;
};

/**
 * Redacts whatever a member has said, in a room or wherever they were: with real events in the name of the owner who
 * ordered it, so that every client takes it away. State (a room's name, say) stays: it is the room's.
 */
export const redactMember: JobKind = (matrix, transaction, job) => {
  const {
    user_id: userId,
    room_id: roomId,
    reason,
  } = job.arguments as {
    user_id: string;
    room_id?: string;
    reason?: string;
  };
  const { rooms, after, upTo } = (job.cursor ?? begin(matrix, userId, roomId)) as Cursor;
  const [nid, ...others] = rooms;
  const room = nid === undefined ? undefined : matrix.rooms.byNid(nid);
  if (!room || room.deleted) {
    return { next: others.length === 0 ? null : { rooms: others, after: 0, upTo }, did: 0 };
  }
  const events = matrix.database
    .prepare<{ so: number; event_id: string; wanted: 0 | 1 }>(
      `SELECT so, event_id, sender = ? AND state_key IS NULL AND redacted_by IS NULL AND type <> 'm.room.redaction' AS wanted
       FROM events WHERE room = ? AND so > ? AND so <= ? ORDER BY so LIMIT ?`,
    )
    .all(userId, room.nid, after, upTo, eventsAWrite);
  let seen = after;
  let did = 0;
  for (const { so, event_id: redacts, wanted } of events) {
    if (did >= redactionsAWrite) return { next: { rooms, after: seen, upTo }, did };
    seen = so;
    if (wanted === 0) continue;
    matrix.append(transaction, room, {
      type: "m.room.redaction",
      sender: job.createdBy,
      content: reason === undefined ? {} : { reason },
      redacts,
      byServer: true,
    });
    did += 1;
  }
  if (events.length === eventsAWrite) return { next: { rooms, after: seen, upTo }, did };
  return { next: others.length === 0 ? null : { rooms: others, after: 0, upTo }, did };
};

function begin(matrix: MatrixContext, userId: string, roomId: string | undefined): Cursor {
  const upTo = matrix.stream.current();
  if (roomId !== undefined) {
    const nid = matrix.rooms.get(roomId)?.nid;
    return { rooms: nid === undefined ? [] : [nid], after: 0, upTo };
  }
  return { rooms: matrix.memberships.everRooms(userId), after: 0, upTo };
}
