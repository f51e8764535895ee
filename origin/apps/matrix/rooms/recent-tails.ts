import type { RoomEvent } from "../events/event.ts";

/**
 * The ends of the rooms in which something was said lately: those whom a message wakes ask, each for themselves, for
 * the few events since they were answered last. A tail holds every event of its room from a position on, or it is
 * thrown away.
 */
export interface RecentTails {
  /** Inside the write that stores the event, the newest of its room. */
  push(event: RoomEvent): void;
  /** The write was undone, so the room does not end there. */
  drop(roomId: string): void;
  /** The event was changed, or deleted. */
  dropWith(so: number): void;
  /** The newest `limit` of (after, upTo], oldest first; undefined where that is not known here. */
  newest(roomId: string, after: number, upTo: number, limit: number): RoomEvent[] | undefined;
}

/** At most 64 KiB each, and mostly among the recent events of the store as well. */
const longest = 16;
const mostRooms = 64;

interface Tail {
  /** All that came after it is there. */
  after: number;
  readonly events: RoomEvent[];
}

export function createRecentTails(): RecentTails {
  const tails = new Map<string, Tail>();

  return {
    push(event) {
      const tail = tails.get(event.roomId) ?? { after: event.so - 1, events: [] };
      tail.events.push(event);
      if (tail.events.length > longest) tail.after = tail.events.shift()!.so;
      // Re-inserted: the first of the map is the room that was quiet for longest.
      tails.delete(event.roomId);
      tails.set(event.roomId, tail);
      if (tails.size > mostRooms) tails.delete(tails.keys().next().value!);
    },
    drop: (roomId) => void tails.delete(roomId),
    dropWith(so) {
      for (const [roomId, { after, events }] of tails) {
        if (so > after && events.some((event) => event.so === so)) tails.delete(roomId);
      }
    },
    newest(roomId, after, upTo, limit) {
      const tail = tails.get(roomId);
      if (!tail) return undefined;
      const found = tail.events.filter(({ so }) => so > after && so <= upTo);
      if (after < tail.after && found.length < limit) return undefined;
      return found.slice(Math.max(0, found.length - limit));
    },
  };
}
