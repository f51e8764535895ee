import type { RoomEvent } from "../events/event.ts";
import { forbidden } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { type Room, stateOf } from "./room.ts";
import { createRoomReader, type RoomReader } from "./visibility.ts";

/** A room as one user may read it. Good for one answer: never held over an await. */
export interface OpenedRoom {
  readonly room: Room;
  readonly reader: RoomReader;
  /** The last position of which the user may know: the present, or their leave. */
  readonly upTo: number;
  /** The state as of then. */
  state(): RoomEvent[];
  stateEvent(type: string, key: string): RoomEvent | undefined;
}

/**
 * Opens a room for reading: to its members, to former ones up to their leave, and to everyone while it is world
 * readable. Throws 403 M_FORBIDDEN, alike for rooms that there are not.
 */
export function openRoom(matrix: MatrixContext, roomId: string, userId: string): OpenedRoom {
  const opened = findReadableRoom(matrix, roomId, userId);
  if (!opened) throw forbidden("You are not in this room and were not before.");
  return opened;
}

/** The same; undefined where the user may not read the room, or there is none. */
export function findReadableRoom(
  matrix: MatrixContext,
  roomId: string,
  userId: string,
): OpenedRoom | undefined {
  const room = matrix.rooms.get(roomId);
  if (!room) return undefined;
  const reader = createRoomReader(matrix.events, room, userId);
  const upTo = readableUpTo(matrix, room, reader, userId);
  if (upTo === undefined) return undefined;
  return {
    room,
    reader,
    upTo: upTo ?? matrix.stream.current(),
    state: () => (upTo === null ? [...room.state.values()] : matrix.events.stateAt(room, upTo)),
    stateEvent: (type, key) =>
      upTo === null ? stateOf(room, type, key) : matrix.events.stateEventAt(room, upTo, type, key),
  };
}

/** The room, if the user is in it now; 403 M_FORBIDDEN otherwise. */
export function requireJoined(matrix: MatrixContext, roomId: string, userId: string): Room {
  const room = matrix.rooms.get(roomId);
  if (!room?.joined.has(userId)) throw forbidden("You are not in this room.");
  return room;
}

/** Null: without end; undefined: nothing at all. */
function readableUpTo(
  matrix: MatrixContext,
  room: Room,
  reader: RoomReader,
  userId: string,
): number | null | undefined {
  if (reader.until === null) return null;
  const visibility = stateOf(room, "m.room.history_visibility")?.pdu.content["history_visibility"];
  if (visibility === "world_readable") return null;
  return matrix.memberships.forgotten(userId, room.nid) ? undefined : reader.until;
}
