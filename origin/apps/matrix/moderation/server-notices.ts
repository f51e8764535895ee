import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import { roomVersions } from "../events/room-version.ts";
import type { JobKind } from "../jobs/run-jobs.ts";
import { type MatrixContext, serverUserOf, userIdOf } from "../matrix-context.ts";
import { createRoom } from "../rooms/create-room.ts";
import { setMembership } from "../rooms/membership.ts";
import { membershipOf, type Room } from "../rooms/room.ts";

/** Members told in one write: a first notice makes a room. */
const membersAWrite = 5;

/**
 * Sends a notice (specification §Server Notices) into the member's own room for them, which is made at the first one.
 * Whoever has left it is asked in again. Returns the event's id and the room's.
 */
export function sendNotice(
  matrix: MatrixContext,
  transaction: Transaction,
  userId: string,
  content: JsonObject,
): { eventId: string; roomId: string } {
  const sender = serverUserOf(matrix);
  const { name, avatar } = matrix.config.matrix.notices;
  matrix.profiles.keep(transaction, sender, {
    displayname: name,
    ...(avatar !== "" && { avatar_url: avatar }),
  });
  const room = noticeRoom(matrix, transaction, sender, userId);
  // Without effect while the name and the picture are the same.
  setMembership(matrix, transaction, room, { sender, target: sender, content: { membership: "join" } });
  const membership = membershipOf(room, userId);
  if (membership !== "join" && membership !== "invite") {
    setMembership(matrix, transaction, room, { sender, target: userId, content: { membership: "invite" } });
    const tags = matrix.accountData.get(userId, room.nid, "m.tag")?.["tags"];
    const others = typeof tags === "object" && !Array.isArray(tags) ? tags : {};
    matrix.accountData.set(transaction, userId, room.nid, "m.tag", {
      tags: { ...others, "m.server_notice": {} },
    });
  }
  const { eventId } = matrix.append(transaction, room, { type: "m.room.message", sender, content });
  return { eventId, roomId: room.roomId };
}

function noticeRoom(matrix: MatrixContext, transaction: Transaction, creator: string, userId: string): Room {
  const { database, config } = matrix;
  const known = database
    .prepare<{ room: number }>("SELECT room FROM server_notices WHERE user = ?")
    .get(userId);
  const room = known && matrix.rooms.byNid(known.room);
  if (room && !room.deleted) return room;
  const version = roomVersions.get(config.matrix.defaultRoomVersion);
  if (!version) throw new Error("The default room version is none.");
  const made = createRoom(matrix, transaction, {
    creator,
    version,
    preset: "private_chat",
    creationContent: {},
    // It is for reading: the member can neither answer nor ask others in.
    powerLevelOverride: { users_default: -10 },
    initialState: [],
    aliasName: undefined,
    name: config.matrix.notices.name,
    topic: undefined,
    invite: [],
    isDirect: false,
  });
  database
    .prepare(
      "INSERT INTO server_notices (user, room) VALUES (?, ?) ON CONFLICT DO UPDATE SET room = excluded.room",
    )
    .run(userId, made.nid);
  return made;
}

/** To some members, or to all who are there when their turn comes: the cursor is the last one's account number. */
export const sendNotices: JobKind = (matrix, transaction, job) => {
  const { members, content } = job.arguments as unknown as {
    members: readonly string[] | null;
    content: JsonObject;
  };
  const after = (job.cursor ?? 0) as number;
  const wanted = matrix.members
    .list()
    .filter((member) => member.state !== "deactivated" && (members?.includes(member.name) ?? true));
  const part = wanted.filter((member) => member.id > after).slice(0, membersAWrite);
  for (const member of part) sendNotice(matrix, transaction, userIdOf(matrix, member.name), content);
  const last = part.at(-1);
  return {
    next: part.length < membersAWrite || !last ? null : last.id,
    did: part.length,
    total: wanted.length,
  };
};
