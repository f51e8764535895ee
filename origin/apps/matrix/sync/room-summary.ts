import type { Membership, Room } from "../rooms/room.ts";
import { stateOf } from "../rooms/room.ts";

/** `summary` of a joined room: what a client names the room by where it has no name. */
export interface RoomSummary {
  "m.heroes"?: string[];
  "m.joined_member_count": number;
  "m.invited_member_count": number;
}

/** Specification, GET /sync, RoomSummary: the first five. */
const heroCount = 5;

export function summarise(room: Room, userId: string): RoomSummary {
  const counts = { "m.joined_member_count": room.joined.size, "m.invited_member_count": invitedCount(room) };
  return isNamed(room) ? counts : { "m.heroes": heroesOf(room, userId), ...counts };
}

export function invitedCount(room: Room): number {
  let invited = 0;
  for (const membership of room.members.values()) if (membership === "invite") invited += 1;
  return invited;
}

/** Whether an event of this type can change the summary. */
export const concernsSummary = (type: string): boolean =>
  type === "m.room.member" || type === "m.room.name" || type === "m.room.canonical_alias";

function isNamed(room: Room): boolean {
  const filled = (type: string, key: string): boolean => {
    const value = stateOf(room, type)?.pdu.content[key];
    return typeof value === "string" && value !== "";
  };
  return filled("m.room.name", "name") || filled("m.room.canonical_alias", "alias");
}

export function heroesOf(room: Room, userId: string): string[] {
  const first = (...wanted: Membership[]): string[] => {
    const found: string[] = [];
    for (const [member, membership] of room.members) {
      if (member === userId || !wanted.includes(membership)) continue;
      found.push(member);
      if (found.length === heroCount) break;
    }
    return found;
  };
  const present = first("join", "invite");
  return present.length > 0 ? present : first("leave", "ban");
}
