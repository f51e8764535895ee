import type { EventStore } from "../rooms/event-store.ts";
import type { Room } from "../rooms/room.ts";

/** Whether the user was out of the room at any time since the position: then the client's copy has a hole. */
export function isNewlyJoined(
  events: EventStore,
  room: Room,
  userId: string,
  memberSo: number,
  since: number,
): boolean {
  if (memberSo <= since) return false;
  let joinedBefore = false;
  for (const { fromSo, toSo, event } of events.stateIntervals(room, "m.room.member", userId)) {
    const isJoin = event.pdu.content["membership"] === "join";
    if (fromSo > since && !isJoin) return true;
    if (fromSo <= since && (toSo === null || toSo > since)) joinedBefore = isJoin;
  }
  return !joinedBefore;
}

export function wasJoinedAt(events: EventStore, room: Room, userId: string, so: number): boolean {
  return events.stateEventAt(room, so, "m.room.member", userId)?.pdu.content["membership"] === "join";
}
