import type { Transaction } from "../../../storage/writer.ts";
import type { JobStep } from "../jobs/jobs.ts";
import type { JobKind } from "../jobs/run-jobs.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { notFound } from "../matrix-error.ts";
import type { Room } from "../rooms/room.ts";
import { purgeEvents } from "./purge-events.ts";

const membersAWrite = 20;
const notificationsAWrite = 1000;
const end = Number.MAX_SAFE_INTEGER;

/**
 * Deletes a room: closes it, puts everyone out with the owner's reason, then purges what was said and noted in it.
 * What stays is the create event and, for each member, that they are out: a client that was away must still hear so.
 */
export const deleteRoom: JobKind = (matrix, transaction, job) => {
  const { room_id: roomId, reason } = job.arguments as { room_id: string; reason?: string };
  const room = matrix.rooms.get(roomId);
  if (!room) throw notFound("There is no such room.");
  const [phase, position = 0] = (job.cursor ?? ["close"]) as [string, number?];
  switch (phase) {
    case "close":
      return close(matrix, transaction, room);
    case "empty":
      return empty(matrix, transaction, room, reason);
    case "purge":
      return purge(matrix, transaction, room, position);
    default:
      return forget(matrix, transaction, room, position);
  }
};

function close(matrix: MatrixContext, transaction: Transaction, room: Room): JobStep {
  const events = matrix.roomSummaries.get(room.roomId)?.events ?? 0;
  // Everyone is put out, by an event that is then looked at with all the others.
  const total = events + 2 * insideOf(room).length;
  for (const alias of matrix.aliases.ofRoom(room.nid)) matrix.aliases.remove(transaction, alias);
  matrix.roomDirectory.set(transaction, room, false);
  matrix.rooms.close(transaction, room, matrix.now());
  return { next: ["empty"], did: 0, total };
}

const insideOf = (room: Room): string[] =>
  [...room.members]
    .filter(([, membership]) => membership !== "leave" && membership !== "ban")
    .map(([userId]) => userId);

function empty(
  matrix: MatrixContext,
  transaction: Transaction,
  room: Room,
  reason: string | undefined,
): JobStep {
  const inside = insideOf(room).slice(0, membersAWrite);
  for (const userId of inside) {
    matrix.append(transaction, room, {
      type: "m.room.member",
      stateKey: userId,
      sender: userId,
      content: { membership: "leave", ...(reason !== undefined && { reason }) },
      byServer: true,
    });
  }
  return { next: inside.length < membersAWrite ? ["purge", 0] : ["empty"], did: inside.length };
}

function purge(matrix: MatrixContext, transaction: Transaction, room: Room, after: number): JobStep {
  const { next, seen } = purgeEvents(matrix, transaction, room, {
    after,
    upTo: end,
    keeps: ({ type, heldUntil }) =>
      type === "m.room.create" || (type === "m.room.member" && heldUntil === null),
  });
  matrix.rooms.forget(room);
  transaction.onRollback(() => matrix.rooms.forget(room));
  return { next: next === null ? ["forget", 0] : ["purge", next], did: seen };
}

/** What members kept of the room: `position` of them are done. */
function forget(matrix: MatrixContext, transaction: Transaction, room: Room, position: number): JobStep {
  if (matrix.unread.purge(transaction, room.nid, end, notificationsAWrite) === notificationsAWrite) {
    return { next: ["forget", position], did: 0 };
  }
  const prepare = (sql: string) => matrix.database.prepare(sql);
  if (position === 0) {
    prepare("DELETE FROM receipts WHERE room = ?").run(room.nid);
    prepare("DELETE FROM read_marks WHERE room = ?").run(room.nid);
    prepare("DELETE FROM server_notices WHERE room = ?").run(room.nid);
  }
  const users = [...room.members.keys()].slice(position, position + membersAWrite);
  for (const userId of users) {
    prepare("DELETE FROM account_data WHERE user = ? AND room = ?").run(userId, room.nid);
  }
  return { next: users.length < membersAWrite ? null : ["forget", position + users.length], did: 0 };
}
