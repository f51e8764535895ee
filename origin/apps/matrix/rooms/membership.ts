import type { Transaction } from "../../../storage/writer.ts";
import { canonicalJson } from "../events/canonical-json.ts";
import type { JsonObject, RoomEvent } from "../events/event.ts";
import { forbidden, MatrixError, notFound } from "../matrix-error.ts";
import { localpartOf, type MatrixContext, serverUserOf } from "../matrix-context.ts";
import { localMember } from "../users/local-member.ts";
import { requireJoined } from "./access.ts";
import { voucherFor } from "./restricted-join.ts";
import { type Room, membershipOf, stateOf } from "./room.ts";

/** What one user does to another's place in a room, or to their own. */
export interface MembershipAct {
  readonly roomId: string;
  readonly sender: string;
  readonly target: string;
  readonly reason: string | undefined;
  /** What else the client wants in the membership event. */
  readonly more?: JsonObject;
}

/** A membership event, before the server has filled in what is its own to say. */
export interface MembershipDraft {
  readonly sender: string;
  readonly target: string;
  readonly content: JsonObject;
}

/** Joins by room id; without effect for somebody who is in the room. 404 for an unknown room, 403 where the rules refuse. */
export function joinRoom(matrix: MatrixContext, transaction: Transaction, act: MembershipAct): void {
  const room = matrix.rooms.get(act.roomId);
  if (!room) throw unknownRoom();
  if (membershipOf(room, act.target) === "join") return;
  setMembership(matrix, transaction, room, draftOf(act, "join"));
}

export function knockOnRoom(matrix: MatrixContext, transaction: Transaction, act: MembershipAct): void {
  const room = matrix.rooms.get(act.roomId);
  if (!room) throw unknownRoom();
  setMembership(matrix, transaction, room, draftOf(act, "knock"));
}

export function inviteToRoom(matrix: MatrixContext, transaction: Transaction, act: MembershipAct): void {
  const room = requireJoined(matrix, act.roomId, act.sender);
  setMembership(matrix, transaction, room, draftOf(act, "invite"));
}

/** Leaves a room, or turns an invitation down, or takes a knock back. Without effect once that is done. */
export function leaveRoom(matrix: MatrixContext, transaction: Transaction, act: MembershipAct): void {
  const room = matrix.rooms.get(act.roomId);
  const membership = room && membershipOf(room, act.target);
  if (!room || membership === undefined) throw forbidden("You are not in this room.");
  if (membership === "leave") return;
  setMembership(matrix, transaction, room, draftOf(act, "leave"));
}

export function kickFromRoom(matrix: MatrixContext, transaction: Transaction, act: MembershipAct): void {
  const room = requireJoined(matrix, act.roomId, act.sender);
  const membership = membershipOf(room, act.target);
  // The rules would take the same event as the lifting of a ban.
  if (membership === undefined || membership === "leave" || membership === "ban") {
    throw forbidden(`${act.target} is not in this room.`);
  }
  setMembership(matrix, transaction, room, draftOf(act, "leave"));
}

export function banFromRoom(matrix: MatrixContext, transaction: Transaction, act: MembershipAct): void {
  setMembership(matrix, transaction, requireJoined(matrix, act.roomId, act.sender), draftOf(act, "ban"));
}

export function unbanFromRoom(matrix: MatrixContext, transaction: Transaction, act: MembershipAct): void {
  const room = requireJoined(matrix, act.roomId, act.sender);
  if (membershipOf(room, act.target) !== "ban")
    throw forbidden(`${act.target} is not banned from this room.`);
  setMembership(matrix, transaction, room, draftOf(act, "leave"));
}

/** The user's own wish not to see the room any more; only once they have left it. */
export function forgetRoom(
  matrix: MatrixContext,
  transaction: Transaction,
  roomId: string,
  userId: string,
): void {
  const room = matrix.rooms.get(roomId);
  const membership = room && membershipOf(room, userId);
  if (!room || membership === undefined) throw forbidden("You are not in this room and were not before.");
  if (membership !== "leave" && membership !== "ban") {
    throw new MatrixError(400, "M_UNKNOWN", "Leave the room before you forget it.");
  }
  matrix.memberships.forget(transaction, userId, room.nid);
}

/**
 * The one way to a membership event, for PUT …/state as for /join and the like: the server looks up accounts and
 * invitation settings, vouches for entry to restricted rooms and fills in the profile; the room's rules decide the
 * rest. A repeat of what already holds gives the event that says so.
 */
export function setMembership(
  matrix: MatrixContext,
  transaction: Transaction,
  room: Room,
  draft: MembershipDraft,
): RoomEvent {
  const { sender, target } = draft;
  // Clients copy whole contents when they change a room nickname; vouching is not theirs to repeat.
  const { join_authorised_via_users_server: _, ...given } = draft.content;
  const membership = given["membership"];
  const mayBring = membership === "join" || membership === "invite" || membership === "knock";
  if (membership === "invite" && sender !== target) checkInvitable(matrix, sender, target);
  if (membership === "leave" && sender === target) checkMayDecline(matrix, room, target);
  // Its invitations outlive a room, which is over once everybody has left; clients know it by the 404.
  if (membership === "join" && room.joined.size === 0 && room.members.size > 0) {
    throw notFound("Everybody has left this room.");
  }
  const voucher = membership === "join" && sender === target ? voucherFor(matrix, room, target) : undefined;
  const content: JsonObject = {
    ...(mayBring && profileOf(matrix, target)),
    ...given,
    ...(voucher !== undefined && { join_authorised_via_users_server: voucher }),
  };
  const present = stateOf(room, "m.room.member", target);
  if (present && present.pdu.sender === sender && isSame(present, content)) return present;
  return matrix.append(transaction, room, {
    type: "m.room.member",
    stateKey: target,
    sender,
    content,
    ...(voucher !== undefined && { vouchedBy: voucher }),
  });
}

/** Whether a state event says just this already. */
export function isSame(event: RoomEvent, content: JsonObject): boolean {
  return canonicalJson(event.pdu.content) === canonicalJson(content);
}

/** `displayname` and `avatar_url`, as they go into a membership event. */
function profileOf(matrix: MatrixContext, userId: string): JsonObject {
  const { displayname, avatar_url: avatarUrl } = matrix.profiles.get(userId) ?? {};
  return {
    ...(typeof displayname === "string" && { displayname }),
    ...(typeof avatarUrl === "string" && { avatar_url: avatarUrl }),
  };
}

/** There is no federation: only accounts of this server can be invited. §Invite permission: some want no invitations. */
function checkInvitable(matrix: MatrixContext, sender: string, target: string): void {
  if (localpartOf(matrix, target) === undefined) {
    throw forbidden(
      `${target} is not on this server, which does not talk to others: nobody there can be reached.`,
    );
  }
  const member = localMember({ members: matrix.members, serverName: matrix.config.serverName }, target);
  if (!member || member.state === "deactivated") throw notFound(`There is no account ${target} here.`);
  // What the server has to say reaches everyone.
  if (sender === serverUserOf(matrix)) return;
  if (matrix.invitePermission.actionFor(target, sender) === "block") {
    throw new MatrixError(403, "M_INVITE_BLOCKED", `${target} takes no invitations from you.`);
  }
}

/** §Server Notices: nobody turns them down unread. Who has been in may leave. */
function checkMayDecline(matrix: MatrixContext, room: Room, target: string): void {
  if (membershipOf(room, target) !== "invite") return;
  if (room.get("m.room.create", "")?.sender !== serverUserOf(matrix)) return;
  throw new MatrixError(
    403,
    "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM",
    "This is where the server tells you what you should know. Look into it first.",
  );
}

function draftOf(act: MembershipAct, membership: string): MembershipDraft {
  return {
    sender: act.sender,
    target: act.target,
    content: { ...act.more, membership, ...(act.reason !== undefined && { reason: act.reason }) },
  };
}

export const unknownRoom = (): MatrixError => notFound("There is no such room.");
