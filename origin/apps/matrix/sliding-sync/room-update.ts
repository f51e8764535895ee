import type { RoomEvent } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { type ClientEvent, toClientEvents, toClientState } from "../rooms/client-event.ts";
import type { Membership, Room } from "../rooms/room.ts";
import { strippedStateFor } from "../sync/stripped-state.ts";
import type { BumpStamps } from "./bump-stamps.ts";
import type { RoomConfig } from "./request.ts";
import { readRequiredState, type SentMembers } from "./required-state.ts";
import { describeRoom, type RoomDescription } from "./room-description.ts";
import { readStretch, type RoomStretch } from "./room-stretch.ts";
import { live, type SentRoom, wholeHistory } from "./sent-state.ts";
import { sentUpTo, type UpdateScope } from "./update-scope.ts";

/** What is news of one room, in the form of no dialect. Absent: as before. */
export interface RoomUpdate extends RoomDescription {
  readonly membership: Membership;
  /** The client is to replace what it has of the room. */
  readonly initial?: true;
  readonly strippedState?: readonly object[];
  readonly requiredState?: readonly ClientEvent[];
  readonly timeline?: RoomTimeline;
  readonly isDm?: boolean;
  readonly notificationCount?: number;
  readonly highlightCount?: number;
  readonly bumpStamp?: number;
}

export interface RoomTimeline {
  readonly events: readonly ClientEvent[];
  readonly limited: boolean;
  readonly prevBatch: string;
  /** It begins before what the client had. */
  readonly expanded: boolean;
  /** So many at its end are new since the last answer. */
  readonly live: number;
}

export interface UpdateParts {
  readonly matrix: MatrixContext;
  readonly sentMembers: SentMembers;
  readonly bumpStamps: BumpStamps;
}

export interface UpdateResult {
  /** Undefined when the client would learn nothing. */
  readonly update: RoomUpdate | undefined;
  /** What the connection has of the room with the answer. */
  readonly sent: SentRoom;
}

/** Whether there may be news of a room, told from what memory holds. */
export function mayHaveNews(scope: UpdateScope): boolean {
  const { listed, config, sent, since, isDm } = scope;
  if (!sent || sent.upTo !== live || listed.recency > sentUpTo(sent, since) || sent.isDm !== isDm)
    return true;
  if (isOutside(listed.membership)) return false;
  return scope.countsChanged || sent.depth < config.timelineLimit || sent.state.id !== config.state.id;
}

export function updateRoom(parts: UpdateParts, room: Room, scope: UpdateScope): UpdateResult {
  const { listed } = scope;
  return isOutside(listed.membership) ? updateOutside(parts, room, scope) : updateInside(parts, room, scope);
}

/** Invited or knocking: of such a room a client gets stripped state, and nothing of what happens in it. */
const isOutside = (membership: Membership): boolean => membership === "invite" || membership === "knock";

function updateOutside({ matrix }: UpdateParts, room: Room, scope: UpdateScope): UpdateResult {
  const { listed, sent, isDm, config } = scope;
  const from = sentUpTo(sent, scope.since);
  const next: SentRoom = { upTo: live, state: config.state, depth: 0, isDm };
  const { membership, memberSo } = listed;
  const dmChanged = sent !== undefined && sent.isDm !== isDm;
  if (memberSo <= from && !dmChanged) return { update: undefined, sent: next };
  // Whole each time: without stripped state a client takes the room for one that it is in.
  const update: RoomUpdate = {
    membership,
    initial: true,
    strippedState: strippedStateFor(matrix, room, scope),
    ...((isDm || dmChanged) && { isDm }),
    bumpStamp: memberSo,
  };
  return { update, sent: next };
}

function updateInside(parts: UpdateParts, room: Room, scope: UpdateScope): UpdateResult {
  const { matrix } = parts;
  const { userId, deviceId, listed, config, sent, since, isDm } = scope;
  const { membership } = listed;
  const stretch = readStretch(matrix, room, scope);
  const state = readRequiredState(parts.sentMembers, stretch, scope);
  const { whole, expanded, timeline, changes } = stretch;
  const description = describeRoom(stretch, userId, isDm, sent !== undefined && sent.isDm !== isDm);
  const joined = membership === "join";
  const countsChanged = joined && scope.countsChanged;
  const next = { upTo: live, state: config.state, depth: depthAfter(stretch, config, sent), isDm };

  const nothing =
    !whole &&
    !expanded &&
    !countsChanged &&
    !(!joined && stretch.upTo > stretch.after) &&
    !timeline.limited &&
    timeline.events.length === 0 &&
    state.length === 0 &&
    Object.keys(description).length === 0 &&
    sent?.isDm === isDm;
  if (nothing) return { update: undefined, sent: next };

  const shown = joined ? state : withOwnMembership(stretch, state, userId);
  const view = { userId, deviceId, reader: stretch.reader, withRoomId: false };
  const bundle = whole || expanded || timeline.limited;
  const unread = joined ? matrix.unread.inRoom(userId, room.nid).main : undefined;
  const bumpStamp = joined
    ? parts.bumpStamps(room, whole || timeline.limited ? undefined : timeline.events)
    : changes.some(({ so }) => so === listed.memberSo) || whole
      ? listed.memberSo
      : undefined;
  const update: RoomUpdate = {
    membership,
    ...(whole && { initial: true }),
    ...description,
    ...((whole ? isDm : sent?.isDm !== isDm) && { isDm }),
    ...(shown.length > 0 && { requiredState: toClientState(matrix, shown, view) }),
    ...(config.timelineLimit > 0 && {
      timeline: {
        events: toClientEvents(matrix, timeline.events, view, { bundle }),
        limited: timeline.limited,
        prevBatch: stretch.prevBatch,
        expanded,
        live: since === undefined ? 0 : timeline.events.filter((event) => event.so > since).length,
      },
    }),
    ...(unread && { notificationCount: unread.notification_count, highlightCount: unread.highlight_count }),
    ...(bumpStamp !== undefined && { bumpStamp }),
  };
  return { update, sent: next };
}

/** Whatever state is asked: without it a client takes the room for one that it is in. */
function withOwnMembership(stretch: RoomStretch, state: readonly RoomEvent[], userId: string): RoomEvent[] {
  const own = stretch.stateEvent("m.room.member", userId);
  return own && !state.some((event) => event.eventId === own.eventId) ? [...state, own] : [...state];
}

function depthAfter(stretch: RoomStretch, config: RoomConfig, sent: SentRoom | undefined): number {
  if (stretch.timeline.limited) return config.timelineLimit;
  return stretch.whole || stretch.expanded || !sent ? wholeHistory : sent.depth;
}
