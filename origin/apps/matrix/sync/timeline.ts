import type { RoomEvent } from "../events/event.ts";
import type { EventStore } from "../rooms/event-store.ts";
import { type Room, stateKey } from "../rooms/room.ts";

/** The newest events of a range, as one room of a /sync answer shows them. */
export interface Timeline {
  /** Oldest first. */
  readonly events: readonly RoomEvent[];
  /** Whether the range holds more, older ones. */
  readonly limited: boolean;
  /** Everything in (start, upTo] was looked at: `prev_batch`, and where the timeline's own state begins. */
  readonly start: number;
  /** State events of that stretch which are not among `events`, oldest first: the client needs them as state. */
  readonly skipped: readonly RoomEvent[];
}

/** A filter that few events pass must not make one request read a whole history. */
const mostScanned = (limit: number): number => 100 + 10 * limit;

/**
 * The newest `limit` events of (after, upTo] that `wantedAmong` lets through. A gap is always at the old end: the
 * client asks /messages for it, and misses nothing (specification §Syncing).
 */
export function readTimeline(
  events: EventStore,
  room: Room,
  range: { readonly after: number; readonly upTo: number; readonly limit: number },
  wantedAmong: (found: readonly RoomEvent[]) => (event: RoomEvent) => boolean,
): Timeline {
  const { after, upTo, limit } = range;
  const kept: RoomEvent[] = [];
  const skipped: RoomEvent[] = [];
  let cursor = upTo;
  let scanned = 0;
  let batch = limit + 1;
  // One more than asked tells whether there is a gap.
  while (kept.length <= limit && scanned < mostScanned(limit)) {
    const found = events.newest(room, after, cursor, batch);
    const wants = wantedAmong(found);
    for (let index = found.length - 1; index >= 0 && kept.length <= limit; index -= 1) {
      const event = found[index]!;
      if (wants(event)) kept.push(event);
      else if (event.pdu.state_key !== undefined) skipped.push(event);
      cursor = event.so - 1;
    }
    if (kept.length <= limit && found.length < batch) {
      return { events: kept.toReversed(), limited: false, start: after, skipped: skipped.toReversed() };
    }
    scanned += found.length;
    batch = Math.max(batch, 20);
  }
  // The one too many is not shown.
  if (kept.length > limit) {
    kept.pop();
    cursor = kept.length > 0 ? kept.at(-1)!.so - 1 : upTo;
  }
  return {
    events: kept.toReversed(),
    limited: true,
    start: cursor,
    skipped: skipped.filter((event) => event.so > cursor).toReversed(),
  };
}

/**
 * Of each piece of state the newest event counts, also when it is not shown: a client that takes its state from the
 * timeline as well would end up with an older one that is. So the timeline begins after the last such one.
 */
export function beginAfterOutdated(timeline: Timeline): Timeline {
  const { events, skipped } = timeline;
  if (skipped.length === 0) return timeline;
  const keyOf = ({ pdu }: RoomEvent): string => stateKey(pdu.type, pdu.state_key ?? "");
  const newest = new Map(skipped.map((event) => [keyOf(event), event.so]));
  const last = events.findLastIndex(
    (event) => event.pdu.state_key !== undefined && (newest.get(keyOf(event)) ?? 0) > event.so,
  );
  const outdated = events[last];
  if (!outdated) return timeline;
  const start = outdated.so;
  return {
    events: events.slice(last + 1),
    limited: true,
    start,
    skipped: skipped.filter((event) => event.so > start),
  };
}
