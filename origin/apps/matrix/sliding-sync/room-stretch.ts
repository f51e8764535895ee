import type { RoomEvent } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { type Room, stateOf } from "../rooms/room.ts";
import { createRoomReader, type RoomReader } from "../rooms/visibility.ts";
import { createJoinedReader } from "../sync/joined-reader.ts";
import { formatToken } from "../sync/position.ts";
import { isNewlyJoined, wasJoinedAt } from "../sync/stay.ts";
import { readTimeline, type Timeline } from "../sync/timeline.ts";
import { sentUpTo, type UpdateScope } from "./update-scope.ts";

/** The part of a room's line that an answer covers, as the user may see it. Nothing of it is shown yet. */
export interface RoomStretch {
  readonly room: Room;
  /** What the client has of the room ends here; 0: it is to replace all of it. */
  readonly after: number;
  /** The present, or the user's leave. */
  readonly upTo: number;
  readonly whole: boolean;
  /** The timeline begins before `after`, as more of it is asked than was sent (MSC4186 §Changes to `timeline_limit`). */
  readonly expanded: boolean;
  readonly reader: RoomReader;
  readonly timeline: Timeline;
  readonly prevBatch: string;
  /** State that changed; empty where `whole`. */
  readonly changes: readonly RoomEvent[];
  /** All state at the end of the stretch; dear for a room that was left. */
  state(): readonly RoomEvent[];
  stateEvent(type: string, key?: string): RoomEvent | undefined;
}

export function readStretch(matrix: MatrixContext, room: Room, scope: UpdateScope): RoomStretch {
  const { events } = matrix;
  const { userId, listed, config, sent } = scope;
  const { memberSo } = listed;
  const from = sentUpTo(sent, scope.since);
  const joined = listed.membership === "join";
  const upTo = joined ? scope.now : memberSo;
  const left = joined ? undefined : createRoomReader(events, room, userId);
  // Of the last stay: a ban may have followed it, or there was never more than an invitation.
  const until = left ? (left.until ?? 0) : upTo;
  const fresh = joined
    ? isNewlyJoined(events, room, userId, memberSo, from)
    : until > from && !wasJoinedAt(events, room, userId, from);
  const whole = from === 0 || fresh;
  const after = whole ? 0 : from;
  const reader = left ?? createJoinedReader(events, room, userId, whole ? memberSo : from);
  const expanded = !whole && sent !== undefined && config.timelineLimit > sent.depth;
  const isOwn = ({ pdu }: RoomEvent): boolean => pdu.type === "m.room.member" && pdu.state_key === userId;
  const maySee = (event: RoomEvent): boolean => joined || event.so <= until || isOwn(event);
  const ignored = matrix.accountData.ignored(userId);

  const moved = listed.recency > after;
  const timeline: Timeline =
    moved || expanded
      ? readTimeline(
          events,
          room,
          { after: expanded ? 0 : after, upTo, limit: config.timelineLimit },
          () => (event) =>
            // §Ignoring users: their state events still count for everyone.
            !(event.pdu.state_key === undefined && ignored.has(event.pdu.sender)) &&
            reader.mayRead(event) &&
            maySee(event),
        )
      : { events: [], limited: false, start: after, skipped: [] };
  return {
    room,
    after,
    upTo,
    whole,
    expanded,
    reader,
    timeline,
    prevBatch: formatToken({ so: timeline.start }),
    changes: whole || !moved ? [] : events.stateChanges(room, after, upTo).filter(maySee),
    state: () => (joined ? [...room.state.values()] : events.stateAt(room, upTo).filter(maySee)),
    stateEvent(type, key = "") {
      const event = joined ? stateOf(room, type, key) : events.stateEventAt(room, upTo, type, key);
      return event && maySee(event) ? event : undefined;
    },
  };
}
