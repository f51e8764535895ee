import { isRuleOf, joinRuleOf } from "../events/authorise.ts";
import { actionLevel, userLevel } from "../events/power-levels.ts";
import { MatrixError } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { type Room, membershipOf, stateOf } from "./room.ts";

/** Whether members of other rooms may come in (specification §Restricted rooms). */
export function isRestricted(room: Room): boolean {
  const rule = joinRuleOf(room);
  return (rule === "restricted" || rule === "knock_restricted") && isRuleOf(room, rule);
}

/** The ids of the rooms whose members may come in, as the join rule names them. */
export function allowedRooms(room: Room): string[] {
  const allow = stateOf(room, "m.room.join_rules")?.pdu.content["allow"];
  if (!Array.isArray(allow)) return [];
  return allow.flatMap((condition) => {
    if (typeof condition !== "object" || condition === null || Array.isArray(condition)) return [];
    const { type, room_id: roomId } = condition;
    return type === "m.room_membership" && typeof roomId === "string" ? [roomId] : [];
  });
}

/** Whether the user is in one of those rooms. */
export function meetsCondition(matrix: MatrixContext, room: Room, userId: string): boolean {
  return allowedRooms(room).some((roomId) => matrix.memberships.isJoined(userId, roomId));
}

/**
 * For a user who joins a restricted room as a member of an allowed one: the member with the right to invite in whose
 * name they come in. Undefined where no voucher is needed, or the condition is not met: then the room's rules answer.
 * Throws 400 M_UNABLE_TO_GRANT_JOIN where the condition is met and nobody could have invited the user.
 */
export function voucherFor(matrix: MatrixContext, room: Room, userId: string): string | undefined {
  if (!isRestricted(room)) return undefined;
  const membership = membershipOf(room, userId);
  if (membership === "join" || membership === "invite" || membership === "ban") return undefined;
  if (!meetsCondition(matrix, room, userId)) return undefined;
  const needed = actionLevel(room, "invite");
  for (const member of room.joined) if (userLevel(room, member) >= needed) return member;
  throw new MatrixError(
    400,
    "M_UNABLE_TO_GRANT_JOIN",
    "You may join this room, but nobody is in it who could let you in.",
  );
}
