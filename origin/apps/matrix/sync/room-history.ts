import type { RoomEvent } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { type ClientEvent, toClientEvents, toClientState } from "../rooms/client-event.ts";
import { relatedAmong } from "../rooms/paginate.ts";
import type { RoomReader } from "../rooms/visibility.ts";
import type { LazyMembers } from "./lazy-members.ts";
import { formatToken } from "./position.ts";
import { loadLazily, readState, type Stretch } from "./room-state.ts";
import type { EventList, StateKey, SyncRequest, TimelineSection } from "./sync-request.ts";
import { beginAfterOutdated, readTimeline, type Timeline } from "./timeline.ts";

/** The timeline and state of one room, read and not yet shown. */
export interface History {
  readonly timeline: Timeline;
  readonly state: readonly RoomEvent[];
}

export type HistorySection = { readonly timeline: TimelineSection } & {
  readonly [Key in StateKey]?: EventList;
};

/** What one room's part of an answer is made from. */
export interface HistoryPlan {
  readonly request: SyncRequest;
  readonly stretch: Stretch;
  readonly reader: RoomReader;
  /** The client may hold older events with a hole before these: it must not join the two together. */
  readonly gap: boolean;
}

/** Where no limit is asked, and the most that is given. */
const usualLimit = 10;
const largestLimit = 100;

const nothing: History = { timeline: { events: [], limited: false, start: 0, skipped: [] }, state: [] };

export function readHistory(matrix: MatrixContext, plan: HistoryPlan): History {
  const { request, stretch, reader } = plan;
  const { room, after, upTo, whole } = stretch;
  if (!whole && (room.last?.so ?? 0) <= after) {
    return { ...nothing, timeline: { ...nothing.timeline, start: after } };
  }
  const filter = request.filter.room.timeline;
  const ignored = matrix.accountData.ignored(request.userId);
  const range = { after, upTo, limit: Math.min(filter.limit ?? usualLimit, largestLimit) };
  const atEnd = isAtEnd(request.stateKey);
  const read = readTimeline(matrix.events, room, range, (found) => {
    const related = relatedAmong(matrix, found, filter);
    return (event) =>
      filter.matches(event.pdu, room.roomId) &&
      related?.has(event.eventId) !== false &&
      // §Ignoring users: their state events still count for everyone.
      !(event.pdu.state_key === undefined && ignored.has(event.pdu.sender)) &&
      reader.mayRead(event);
  });
  const timeline = atEnd ? read : beginAfterOutdated(read);
  const seen = plan.gap && !timeline.limited ? { ...timeline, limited: true } : timeline;
  return { timeline: seen, state: readState(matrix.events, stretch, seen, atEnd) };
}

export const isAtEnd = (stateKey: StateKey): boolean => stateKey !== "state";

/** Makes the section: state filtered and, where asked, lazily loaded; everything in the client's form. */
export function showHistory(
  matrix: MatrixContext,
  lazyMembers: LazyMembers,
  plan: HistoryPlan,
  history: History,
  context: { readonly next: number; readonly heroes: readonly string[] },
): HistorySection {
  const { request, stretch, reader } = plan;
  const { timeline } = history;
  const { userId, deviceId, stateKey } = request;
  const filter = request.filter.room.state;
  const { roomId } = stretch.room;
  let state = filter.lazyLoadMembers
    ? loadLazily(
        { events: matrix.events, lazyMembers },
        {
          device: `${userId} ${deviceId}`,
          userId,
          since: request.since?.so ?? 0,
          next: context.next,
          includeRedundant: filter.includeRedundantMembers,
          heroes: context.heroes,
        },
        stretch,
        timeline,
        history.state,
        isAtEnd(stateKey),
      )
    : history.state;
  if (!filter.matchesAll) state = state.filter((event) => filter.matches(event.pdu, roomId));

  const view = { userId, deviceId, reader, withRoomId: false };
  const pick = request.filter.pickFields;
  const shape = (events: ClientEvent[]): object[] => (pick ? events.map(pick) : events);
  // A live event has nothing related to it yet; over a gap that may have changed.
  const bundle = stretch.whole || timeline.limited;
  return {
    [stateKey]: { events: shape(toClientState(matrix, state, view)) },
    timeline: {
      events: shape(toClientEvents(matrix, timeline.events, view, { bundle })),
      limited: timeline.limited,
      prev_batch: formatToken({ so: timeline.start }),
    },
  };
}
