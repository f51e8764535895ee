import type { EventStore } from "../rooms/event-store.ts";
import type { Room } from "../rooms/room.ts";
import { createRoomReader, type RoomReader } from "../rooms/visibility.ts";

/**
 * A reader for someone who has been joined without a break from `joinedFrom` on: of what came since they may read
 * everything (specification §Room history visibility), so the tables are asked only about older events.
 */
export function createJoinedReader(
  events: EventStore,
  room: Room,
  userId: string,
  joinedFrom: number,
): RoomReader {
  let full: RoomReader | undefined;
  const older = (): RoomReader => (full ??= createRoomReader(events, room, userId));
  return {
    mayRead: (event) => event.so >= joinedFrom || older().mayRead(event),
    mayReadAt: (so) => so >= joinedFrom || older().mayReadAt(so),
    couldReadAt: (so, then) => older().couldReadAt(so, then),
    membershipAt: (so) => (so >= joinedFrom ? "join" : older().membershipAt(so)),
    until: null,
  };
}
