import type { RoomEvent } from "../events/event.ts";
import type { EventStore } from "../rooms/event-store.ts";
import { type Room, stateKey, stateOf } from "../rooms/room.ts";
import type { LazyMembers } from "./lazy-members.ts";
import type { Timeline } from "./timeline.ts";

/** Which part of a room's line an answer covers, and how. Positions are `so`; the range is (after, upTo]. */
export interface Stretch {
  readonly room: Room;
  readonly after: number;
  readonly upTo: number;
  /** All the state and not only what changed: the client does not have the room, or asks for everything. */
  readonly whole: boolean;
  /** `upTo` is now, so that the room in memory is the state at the end. */
  readonly current: boolean;
}

/**
 * The state that goes beside a timeline: as of its start (`state`), or as of its end (`state_after`,
 * MSC4222). In the first form nothing stands in both; what the filter kept from the timeline is state then.
 */
export function readState(
  events: EventStore,
  stretch: Stretch,
  timeline: Timeline,
  atEnd: boolean,
): readonly RoomEvent[] {
  const { room, after, upTo, whole, current } = stretch;
  if (atEnd) {
    if (whole) return current ? [...room.state.values()] : events.stateAt(room, upTo);
    return timeline.limited ? events.stateChanges(room, after, upTo) : latest([], changesIn(timeline));
  }
  if (whole) {
    const unchanged = current && changesIn(timeline).length === 0;
    const atStart = unchanged ? [...room.state.values()] : events.stateAt(room, timeline.start);
    return latest(atStart, timeline.skipped);
  }
  return latest(timeline.limited ? events.stateChanges(room, after, timeline.start) : [], timeline.skipped);
}

/** The state events in the timeline's stretch, shown or not, oldest first. */
export function changesIn(timeline: Timeline): RoomEvent[] {
  const shown = timeline.events.filter((event) => event.pdu.state_key !== undefined);
  return timeline.skipped.length === 0
    ? shown
    : [...shown, ...timeline.skipped].toSorted((one, other) => one.so - other.so);
}

/** One event for each piece of state, the later ones winning. */
function latest(base: readonly RoomEvent[], later: readonly RoomEvent[]): readonly RoomEvent[] {
  if (later.length === 0) return base;
  const byKey = new Map<string, RoomEvent>();
  for (const list of [base, later]) {
    for (const event of list) byKey.set(stateKey(event.pdu.type, event.pdu.state_key ?? ""), event);
  }
  return [...byKey.values()];
}

const isMember = (event: RoomEvent): boolean => event.pdu.type === "m.room.member";

export interface LazyRequest {
  readonly device: string;
  readonly userId: string;
  /** What the client's `since` proves, and where the answer leads it. */
  readonly since: number;
  readonly next: number;
  readonly includeRedundant: boolean;
  /** The summary names them, and the client must be able to. */
  readonly heroes: readonly string[];
}

/**
 * Lazy loading (specification §Lazy-loading room members): of the members only those whom the client needs in
 * order to show the timeline, itself when it gets a room whole, and in a gap everyone whose membership changed.
 * A room that it had before, and gets whole again, is such a gap: it may still show who has gone meanwhile.
 */
export function loadLazily(
  parts: { events: EventStore; lazyMembers: LazyMembers },
  request: LazyRequest,
  stretch: Stretch,
  timeline: Timeline,
  state: readonly RoomEvent[],
  atEnd: boolean,
): RoomEvent[] {
  const { room, whole, upTo } = stretch;
  const { device, since, next } = request;
  const needed = new Set([...timeline.events.map((event) => event.pdu.sender), ...request.heroes]);
  let chosen: RoomEvent[];
  if (whole) {
    needed.add(request.userId);
    // With state_after the client takes no state from the timeline: the members in it must be here.
    if (atEnd)
      for (const event of timeline.events) if (isMember(event)) needed.add(event.pdu.state_key ?? "");
    const known = lastSeen(parts.events, room, request);
    chosen = state.filter(
      (event) => !isMember(event) || event.so > known || needed.has(event.pdu.state_key ?? ""),
    );
  } else {
    chosen = [...state];
    const present = new Set(state.filter(isMember).map((event) => event.pdu.state_key));
    for (const member of needed) {
      if (present.has(member)) continue;
      const now = stateOf(room, "m.room.member", member);
      const at = atEnd ? upTo : timeline.start;
      const event = now && now.so > at ? parts.events.stateEventAt(room, at, "m.room.member", member) : now;
      if (!event) continue;
      if (request.includeRedundant || !parts.lazyMembers.knows(device, room.nid, member, event.so, since)) {
        chosen.push(event);
      }
    }
  }
  for (const list of [chosen, timeline.events]) {
    for (const event of list) {
      if (!isMember(event)) continue;
      parts.lazyMembers.sent(device, room.nid, event.pdu.state_key ?? "", event.so, next);
    }
  }
  return chosen;
}

/** Up to where the client may have seen the room's members: through the user's last stay that it knows of. */
function lastSeen(events: EventStore, room: Room, { userId, since }: LazyRequest): number {
  const stay =
    since > 0 &&
    events
      .stateIntervals(room, "m.room.member", userId)
      .findLast(({ fromSo, event }) => fromSo <= since && event.pdu.content["membership"] === "join");
  return stay ? Math.min(since, stay.toSo ?? since) : Infinity;
}
