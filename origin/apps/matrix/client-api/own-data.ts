import type { MatrixContext } from "../matrix-context.ts";
import { forbidden, invalidParam, notFound } from "../matrix-error.ts";
import { requireJoined } from "../rooms/access.ts";
import { membershipOf, type Room } from "../rooms/room.ts";
import type { Call } from "../route.ts";

/** The user of the path, who must be the one that asks. 403 M_FORBIDDEN otherwise. */
export function ownUser(call: Call): string {
  if (call.params["userId"] !== call.requester.userId) {
    throw forbidden("You can only do this for yourself.");
  }
  return call.requester.userId;
}

/** The room of the path, in which the requester has or had a part. 400 for what is no room id, 404 for no such room. */
export function ownRoom(matrix: MatrixContext, call: Call): Room {
  const roomId = call.params["roomId"] ?? "";
  if (!roomId.startsWith("!")) throw invalidParam(`${roomId} is not a room id.`);
  const room = matrix.rooms.get(roomId);
  if (!room || membershipOf(room, call.requester.userId) === undefined) {
    throw notFound("You have no part in a room of this id.");
  }
  return room;
}

/** The room of the path, to which the requester is joined. 403 M_FORBIDDEN otherwise, also where there is none. */
export const joinedRoom = (matrix: MatrixContext, call: Call): Room =>
  requireJoined(matrix, call.params["roomId"] ?? "", call.requester.userId);
