import type { RoomEvent } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import type { RoomEventFilter } from "../sync/filter.ts";
import type { OpenedRoom } from "./access.ts";
import { stateOf } from "./room.ts";

/** A walk along a room's line. Positions are `so`, and stand between events: everything up to one lies behind it. */
export interface Walk {
  readonly userId: string;
  readonly direction: "b" | "f";
  /** Where to start; absent: at the end from which the direction leads away. */
  readonly from: number | undefined;
  /** Where to stop; absent: at the other end. */
  readonly to: number | undefined;
  readonly limit: number;
  readonly filter: RoomEventFilter;
}

export interface Page {
  /** Where the walk began. */
  readonly start: number;
  /** In the order of the walk. */
  readonly events: RoomEvent[];
  /** Where to go on; undefined when nothing is left for this user. */
  readonly end: number | undefined;
}

/** A filter that few events pass must not make one request read a whole history: then a page ends early. */
const mostScanned = 2000;

/** The next readable events, without message events of those whom the user ignores (specification §Ignoring users). */
export function walkRoom(matrix: MatrixContext, opened: OpenedRoom, walk: Walk): Page {
  const { room, reader, upTo } = opened;
  const { direction, limit, filter } = walk;
  const backwards = direction === "b";
  const start = walk.from ?? (backwards ? upTo : 0);
  const low = backwards ? (walk.to ?? 0) : start;
  const high = Math.min(upTo, backwards ? start : (walk.to ?? upTo));
  const ignored = matrix.accountData.ignored(walk.userId);
  const shows = (event: RoomEvent): boolean =>
    reader.mayRead(event) &&
    (event.pdu.state_key !== undefined || !ignored.has(event.pdu.sender)) &&
    filter.matches(event.pdu, room.roomId);

  const events: RoomEvent[] = [];
  let cursor = backwards ? high : low;
  // One more than asked tells whether anything is left.
  let batch = limit + 1;
  for (let scanned = 0; ; ) {
    const found = backwards
      ? matrix.events.newest(room, low, cursor, batch).toReversed()
      : matrix.events.oldest(room, cursor, high, batch);
    const related = relatedAmong(matrix, found, filter);
    for (const event of found) {
      if (events.length >= limit) return { start, events, end: cursor };
      cursor = backwards ? event.so - 1 : event.so;
      if (related?.has(event.eventId) !== false && shows(event)) events.push(event);
    }
    if (found.length < batch) {
      // Only the room's first event is an end that nothing can follow. Elsewhere a page with something in it leads to
      // an empty one, as with peers: more may come at the present, and of a filter's choice nobody knows the last.
      const isOver = events.length === 0 || events.at(-1)?.pdu.type === "m.room.create";
      return { start, events, end: isOver ? undefined : cursor };
    }
    scanned += found.length;
    batch = Math.max(batch, 50);
    if (scanned >= mostScanned) return { start, events, end: cursor };
  }
}

/** What stands on either side of an event. */
export interface Around {
  /** The nearest first. */
  readonly before: RoomEvent[];
  readonly after: RoomEvent[];
  /** Positions just before the first of them all and at the last. */
  readonly start: number;
  readonly end: number;
}

export function eventsAround(
  matrix: MatrixContext,
  opened: OpenedRoom,
  so: number,
  wish: Pick<Walk, "userId" | "filter"> & { readonly before: number; readonly after: number },
): Around {
  const walk = { userId: wish.userId, filter: wish.filter, to: undefined };
  const before = walkRoom(matrix, opened, { ...walk, direction: "b", from: so - 1, limit: wish.before });
  const after = walkRoom(matrix, opened, { ...walk, direction: "f", from: so, limit: wish.after });
  return {
    before: before.events,
    after: after.events,
    start: (before.events.at(-1)?.so ?? so) - 1,
    end: after.events.at(-1)?.so ?? so,
  };
}

/** MSC3440: of the events those to which others relate as the filter asks; undefined where it does not ask. */
export function relatedAmong(
  matrix: MatrixContext,
  events: readonly RoomEvent[],
  { relatedByRelTypes, relatedBySenders }: RoomEventFilter,
): ReadonlySet<string> | undefined {
  if (!relatedByRelTypes && !relatedBySenders) return undefined;
  return matrix.relations.parentsAmong(
    events.map((event) => event.eventId),
    relatedByRelTypes,
    relatedBySenders,
  );
}

/** Lazy loading: the memberships of those who sent the events, as of the newest of them. */
export function sendersOf(
  matrix: MatrixContext,
  opened: OpenedRoom,
  events: readonly RoomEvent[],
): RoomEvent[] {
  const at = events.reduce((newest, event) => Math.max(newest, event.so), 0);
  const members: RoomEvent[] = [];
  for (const sender of new Set(events.map((event) => event.pdu.sender))) {
    const now = stateOf(opened.room, "m.room.member", sender);
    const then =
      now && now.so <= at ? now : matrix.events.stateEventAt(opened.room, at, "m.room.member", sender);
    if (then) members.push(then);
  }
  return members;
}
