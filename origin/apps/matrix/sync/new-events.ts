import type { RoomEvent } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { findReadableRoom, type OpenedRoom, openRoom } from "../rooms/access.ts";
import { walkRoom } from "../rooms/paginate.ts";
import { createRoomReader, type RoomReader } from "../rooms/visibility.ts";
import { type ChangedRooms, createChangedRooms } from "./changed-rooms.ts";
import { parseRoomEventFilter } from "./filter.ts";

/** Events that came after a position, as the deprecated GET /events gives them. */
export interface NewEvents {
  /** In their order, each with the reader of its room. */
  readonly events: readonly { readonly event: RoomEvent; readonly reader: RoomReader }[];
  /** Where to go on. */
  readonly next: number;
}

const largestPage = 100;
const everything = parseRoomEventFilter({});

export interface NewEventsReader {
  /** Of the user's rooms: also the invitation to one, and the leaving. */
  ofUser(userId: string, from: number): NewEvents;
  /** Of one room that the user may read; throws 403 M_FORBIDDEN where they may not (any more). */
  ofRoom(userId: string, roomId: string, from: number): NewEvents;
}

export function createNewEvents(matrix: MatrixContext): NewEventsReader {
  const changedRooms: ChangedRooms = createChangedRooms(matrix.database);

  function walk(userId: string, opened: OpenedRoom, from: number, now: number): NewEvents {
    const page = walkRoom(matrix, opened, {
      userId,
      direction: "f",
      from,
      to: undefined,
      limit: largestPage,
      filter: everything,
    });
    const events = page.events.map((event) => ({ event, reader: opened.reader }));
    return { events, next: page.end ?? now };
  }

  return {
    ofRoom: (userId, roomId, from) =>
      walk(userId, openRoom(matrix, roomId, userId), from, matrix.stream.current()),
    ofUser(userId, from) {
      const now = matrix.stream.current();
      const events: NewEvents["events"][number][] = [];
      let next = now;
      for (const { room: nid, so } of changedRooms(userId, from, now)) {
        const room = matrix.rooms.byNid(nid);
        const opened = room && findReadableRoom(matrix, room.roomId, userId);
        if (opened) {
          const walked = walk(userId, opened, from, now);
          events.push(...walked.events);
          next = Math.min(next, walked.next);
        } else if (room && so > from) {
          const reader = createRoomReader(matrix.events, room, userId);
          events.push(...matrix.events.at([so]).map((event) => ({ event, reader })));
        }
      }
      const page = events.toSorted((one, other) => one.event.so - other.event.so).slice(0, largestPage);
      if (page.length < events.length) next = Math.min(next, page.at(-1)!.event.so);
      return { events: page.filter(({ event }) => event.so <= next), next };
    },
  };
}
