import { isRuleOf, joinRuleOf } from "../events/authorise.ts";
import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { allowedRooms, isRestricted, meetsCondition } from "./restricted-join.ts";
import { type Room, membershipOf, stateOf } from "./room.ts";

/** What the room directory says of a room (PublishedRoomsChunk). */
export function describeRoom(room: Room): JsonObject {
  const text = (type: string, key: string): string | undefined => {
    const value = stateOf(room, type)?.pdu.content[key];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  return present({
    room_id: room.roomId,
    num_joined_members: room.joined.size,
    world_readable: isWorldReadable(room),
    guest_can_join: text("m.room.guest_access", "guest_access") === "can_join",
    name: text("m.room.name", "name"),
    topic: text("m.room.topic", "topic"),
    avatar_url: text("m.room.avatar", "url"),
    canonical_alias: text("m.room.canonical_alias", "alias"),
    join_rule: joinRuleOf(room),
    room_type: roomType(room),
  });
}

/** The same with what a summary and a space's hierarchy add (RoomSummary). */
export function summariseRoom(room: Room): JsonObject {
  const algorithm = stateOf(room, "m.room.encryption")?.pdu.content["algorithm"];
  return present({
    ...describeRoom(room),
    room_version: room.version.id,
    encryption: typeof algorithm === "string" ? algorithm : undefined,
    allowed_room_ids: isRestricted(room) ? allowedRooms(room) : undefined,
  });
}

/** Of the create event: `m.space`, for one. */
export function roomType(room: Room): string | undefined {
  const type = stateOf(room, "m.room.create")?.pdu.content["type"];
  return typeof type === "string" && type !== "" ? type : undefined;
}

/**
 * Who may know of a room without being in it (GET …/hierarchy): whoever could join it or knock, and everyone where it
 * is world readable. A ban ends all but the last.
 */
export function maySeeSummary(matrix: MatrixContext, room: Room, userId: string): boolean {
  if (isWorldReadable(room)) return true;
  const membership = membershipOf(room, userId);
  if (membership === "ban") return false;
  if (membership === "join" || membership === "invite" || membership === "knock") return true;
  const rule = joinRuleOf(room);
  if (!isRuleOf(room, rule)) return false;
  if (rule === "public" || rule === "knock" || rule === "knock_restricted") return true;
  return isRestricted(room) && meetsCondition(matrix, room, userId);
}

export const isWorldReadable = (room: Room): boolean =>
  stateOf(room, "m.room.history_visibility")?.pdu.content["history_visibility"] === "world_readable";

function present(fields: Record<string, JsonObject[string] | undefined>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as JsonObject;
}
