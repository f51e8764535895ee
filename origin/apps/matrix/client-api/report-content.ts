import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, notFound } from "../matrix-error.ts";
import { createRoomReader } from "../rooms/visibility.ts";
import { findReadableRoom } from "../rooms/access.ts";
import { membershipOf, stateOf } from "../rooms/room.ts";
import type { Answer, Call, Route } from "../route.ts";
import { localMember } from "../users/local-member.ts";
import { optionalString, requireString } from "./read-body.ts";

/** In characters: enough to say what happened, and not enough to fill a disk with. */
const longestReason = 4000;

/** Reports of what the reporter can see; what they cannot is answered like what there is not. */
export function reportContentRoutes(matrix: MatrixContext): Route[] {
  const { members, config } = matrix;

  async function reportEvent(call: Call): Promise<Answer> {
    const { roomId = "", eventId = "" } = call.params;
    const reason = checkReason(optionalString(await call.json({ mayBeEmpty: true }), "reason") ?? "");
    const { userId } = call.requester;
    await matrix.database.write((transaction) => {
      const room = matrix.rooms.get(roomId);
      const event = matrix.events.byId(eventId);
      if (
        !room?.joined.has(userId) ||
        event?.roomId !== roomId ||
        !createRoomReader(matrix.events, room, userId).mayRead(event)
      ) {
        throw notFound("There is no such event, or you are not in its room.");
      }
      const user = event.pdu.sender;
      matrix.reports.add(transaction, { kind: "event", reporter: userId, roomId, eventId, user, reason });
    });
    return {};
  }

  async function reportRoom(call: Call): Promise<Answer> {
    const { roomId = "" } = call.params;
    const reason = checkReason(requireString(await call.json(), "reason"));
    const { userId } = call.requester;
    await matrix.database.write((transaction) => {
      if (!mayKnowOf(roomId, userId)) throw notFound("There is no such room.");
      matrix.reports.add(transaction, {
        kind: "room",
        reporter: userId,
        roomId,
        eventId: null,
        user: null,
        reason,
      });
    });
    return {};
  }

  /** Whether the user was ever asked into the room, or could look or walk in. */
  function mayKnowOf(roomId: string, userId: string): boolean {
    const room = matrix.rooms.get(roomId);
    if (!room) return false;
    if (membershipOf(room, userId) !== undefined) return true;
    const rule = stateOf(room, "m.room.join_rules")?.pdu.content["join_rule"];
    return rule === "public" || rule === "knock" || findReadableRoom(matrix, roomId, userId) !== undefined;
  }

  async function reportUser(call: Call): Promise<Answer> {
    const { userId: user = "" } = call.params;
    const reason = checkReason(requireString(await call.json(), "reason"));
    if (!localMember({ members, serverName: config.serverName }, user)) {
      throw notFound("There is no such account here.");
    }
    await matrix.database.write((transaction) =>
      matrix.reports.add(transaction, {
        kind: "user",
        reporter: call.requester.userId,
        roomId: null,
        eventId: null,
        user,
        reason,
      }),
    );
    return {};
  }

  const rooms = "/_matrix/client/v3/rooms/:roomId/report";
  const users = "/_matrix/client/v3/users/:userId/report";
  // Whoever is suspended may still ask for help.
  const report = { method: "POST", access: "reading", limit: "reports" } as const;
  return [
    { ...report, path: rooms, handle: reportRoom },
    { ...report, path: `${rooms}/:eventId`, handle: reportEvent },
    { ...report, path: users, handle: reportUser },
  ];
}

function checkReason(reason: string): string {
  if (reason.length > longestReason || !reason.isWellFormed()) {
    throw invalidParam(`reason must be text of at most ${longestReason} characters.`);
  }
  return reason;
}
