import type { JsonObject, RoomEvent } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { toClientEvent } from "../rooms/client-event.ts";
import { type Room, stateOf } from "../rooms/room.ts";
import { createJoinedReader } from "./joined-reader.ts";

interface StrippedEvent {
  readonly type: string;
  readonly state_key: string;
  readonly sender: string;
  readonly content: JsonObject;
}

/** Specification §Stripped state: what lets a person decide, and nothing more of a room they are not in. */
const shown = [
  "m.room.name",
  "m.room.avatar",
  "m.room.topic",
  "m.room.join_rules",
  "m.room.canonical_alias",
  "m.room.encryption",
];

/** The stripped state for someone invited or knocking: of members only themselves and whoever acted on them. */
export function strippedStateFor(
  matrix: MatrixContext,
  room: Room,
  device: { readonly userId: string; readonly deviceId: string },
): object[] {
  const { userId, deviceId } = device;
  const events: object[] = [];
  const create = stateOf(room, "m.room.create");
  if (create) {
    const reader = createJoinedReader(matrix.events, room, userId, Number.MAX_SAFE_INTEGER);
    // MSC4311: the create event in full, so that a client can check the room's id and creators.
    events.push(toClientEvent(matrix, create, { userId, deviceId, reader, withRoomId: true }));
  }
  for (const type of shown) {
    const event = stateOf(room, type);
    if (event) events.push(strip(event));
  }
  const own = stateOf(room, "m.room.member", userId);
  const sender =
    own && own.pdu.sender !== userId ? stateOf(room, "m.room.member", own.pdu.sender) : undefined;
  if (sender) events.push(strip(sender));
  if (own) events.push(strip(own));
  return events;
}

/** Specification §Ignoring users: their invitations are not shown. */
export function isUnwanted(matrix: MatrixContext, room: Room, userId: string): boolean {
  const inviter = stateOf(room, "m.room.member", userId)?.pdu.sender;
  return inviter !== undefined && matrix.invitePermission.hides(userId, inviter);
}

export function strip({ pdu }: RoomEvent): StrippedEvent {
  return { type: pdu.type, state_key: pdu.state_key ?? "", sender: pdu.sender, content: pdu.content };
}
