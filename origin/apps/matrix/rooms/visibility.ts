import type { RoomEvent } from "../events/event.ts";
import type { EventStore, StateInterval } from "./event-store.ts";
import type { Membership, Room } from "./room.ts";

/**
 * Who may read what, judged at the event and not now (specification §Room history visibility). One reader is made
 * for a user and a room, and then asked for any number of events without touching the tables again.
 */
export interface RoomReader {
  /** Whether the user may read the event. */
  mayRead(event: RoomEvent): boolean;
  /** The same for a message at that position, of which no more is known. */
  mayReadAt(so: number): boolean;
  /** The user's membership when the event took place (MSC4115 `unsigned.membership`). */
  membershipAt(so: number): Membership;
  /** Whether a message at `so` could be read by the user already when the stream stood at `then`. */
  couldReadAt(so: number, then: number): boolean;
  /** The last position the user may see state of: null while they are in the room, undefined when never. */
  readonly until: number | null | undefined;
}

type Visibility = "world_readable" | "shared" | "invited" | "joined";

export function createRoomReader(events: EventStore, room: Room, userId: string): RoomReader {
  const memberships = events.stateIntervals(room, "m.room.member", userId);
  const visibilities = events.stateIntervals(room, "m.room.history_visibility", "");
  const now = room.members.get(userId);
  const joins = memberships.filter((interval) => membershipIn(interval) === "join");

  const membershipAt = (so: number): Membership => membershipIn(at(memberships, so));
  const visibilityAt = (so: number): Visibility => {
    const value = at(visibilities, so)?.event.pdu.content["history_visibility"];
    return value === "world_readable" || value === "invited" || value === "joined" ? value : "shared";
  };
  const lastJoin = joins.at(-1);

  function allows(visibility: Visibility, membership: Membership, so: number): boolean {
    if (membership === "join" || visibility === "world_readable") return true;
    // Shared: whoever joins later may read back, up to the end of their last stay.
    if (visibility === "shared")
      return lastJoin !== undefined && (lastJoin.toSo === null || so < lastJoin.toSo);
    return (
      visibility === "invited" && membership === "invite" && lastJoin !== undefined && lastJoin.fromSo >= so
    );
  }

  const mayReadAt = (so: number): boolean => allows(visibilityAt(so), membershipAt(so), so);

  return {
    membershipAt,
    mayReadAt,
    couldReadAt: (so, then) =>
      mayReadAt(so) && joins.some((join) => join.fromSo <= then && (join.toSo === null || so < join.toSo)),
    until: now === "join" ? null : lastJoin ? (lastJoin.toSo ?? null) : undefined,
    mayRead(event) {
      const { so, pdu } = event;
      // One's own membership events are always one's own to see, and count on both sides of the change.
      if (pdu.type === "m.room.member" && pdu.state_key === userId) return true;
      if (mayReadAt(so)) return true;
      return (
        pdu.type === "m.room.history_visibility" && allows(visibilityAt(so - 1), membershipAt(so - 1), so)
      );
    },
  };
}

function membershipIn(interval: StateInterval | undefined): Membership {
  return (interval?.event.pdu.content["membership"] as Membership | undefined) ?? "leave";
}

/** The interval that holds at `so`; they are in order, and there are few. */
function at(intervals: readonly StateInterval[], so: number): StateInterval | undefined {
  for (let index = intervals.length - 1; index >= 0; index -= 1) {
    const interval = intervals[index];
    if (interval && interval.fromSo <= so)
      return interval.toSo === null || so < interval.toSo ? interval : undefined;
  }
  return undefined;
}
