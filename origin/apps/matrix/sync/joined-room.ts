import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import type { Unread, UnreadCount } from "../push/unread.ts";
import type { Room } from "../rooms/room.ts";
import type { AccountDataEntry } from "../users/account-data.ts";
import { createJoinedReader } from "./joined-reader.ts";
import type { LazyMembers } from "./lazy-members.ts";
import { type HistoryPlan, type HistorySection, readHistory, showHistory } from "./room-history.ts";
import { changesIn } from "./room-state.ts";
import { concernsSummary, type RoomSummary, summarise } from "./room-summary.ts";
import type { EventList, SyncRequest } from "./sync-request.ts";

/** One entry of `rooms.join`. */
export type JoinedRoom = HistorySection & {
  readonly summary: Partial<RoomSummary>;
  readonly ephemeral: EventList;
  readonly account_data: EventList;
  readonly unread_notifications: UnreadCount;
  readonly unread_thread_notifications?: Readonly<Record<string, UnreadCount>>;
};

export interface JoinedScope {
  readonly room: Room;
  /** What the client has already; 0: nothing. */
  readonly after: number;
  readonly now: number;
  /** All the state, not only what changed. */
  readonly whole: boolean;
  /** The client may hold events from before a hole. */
  readonly gap: boolean;
  /** The user has been joined without a break from here on. */
  readonly joinedFrom: number;
  readonly receipts: readonly JsonObject[] | undefined;
  readonly typing: readonly string[] | undefined;
  readonly accountData: readonly AccountDataEntry[];
  /** Absent: to be looked up. */
  readonly unread?: Unread;
}

/** The room's section, or undefined when the client would learn nothing from it. */
export function joinedRoom(
  matrix: MatrixContext,
  lazyMembers: LazyMembers,
  request: SyncRequest,
  scope: JoinedScope,
): JoinedRoom | undefined {
  const { room, after, now, whole } = scope;
  const { userId, filter } = request;
  const plan: HistoryPlan = {
    request,
    stretch: { room, after, upTo: now, whole, current: (room.last?.so ?? 0) <= now },
    reader: createJoinedReader(matrix.events, room, userId, scope.joinedFrom),
    gap: scope.gap,
  };
  const history = readHistory(matrix, plan);
  const changed =
    whole ||
    [history.state, changesIn(history.timeline)].some((list) =>
      list.some((event) => concernsSummary(event.pdu.type)),
    );
  const summary: Partial<RoomSummary> = changed ? summarise(room, userId) : {};
  const section = showHistory(matrix, lazyMembers, plan, history, {
    next: now,
    heroes: summary["m.heroes"] ?? [],
  });
  const ephemeral = ephemeralEvents(request, scope);
  const accountData = scope.accountData
    .filter((entry) => filter.room.accountData.matches(entry, room.roomId))
    .map(({ type, content }) => ({ type, content }));

  const nothing =
    !whole &&
    !changed &&
    !section.timeline.limited &&
    section.timeline.events.length === 0 &&
    section[request.stateKey]?.events.length === 0 &&
    ephemeral.length === 0 &&
    accountData.length === 0 &&
    // One's own receipt changes the counts, also for a client that does not look at receipts.
    !hasReceiptOf(userId, scope.receipts);
  if (nothing) return undefined;

  const unread = scope.unread ?? matrix.unread.inRoom(userId, room.nid);
  const byThread = filter.room.timeline.unreadThreadNotifications;
  return {
    ...section,
    summary,
    ephemeral: { events: ephemeral },
    account_data: { events: accountData },
    unread_notifications: byThread ? unread.main : unread.total,
    // As peers do, absent where no thread has any: clients take it for that.
    ...(byThread &&
      unread.threads.size > 0 && { unread_thread_notifications: Object.fromEntries(unread.threads) }),
  };
}

function ephemeralEvents(request: SyncRequest, { room, receipts, typing }: JoinedScope): object[] {
  const events: { type: string; content: JsonObject }[] = [];
  for (const content of receipts ?? []) events.push({ type: "m.receipt", content });
  if (typing) events.push({ type: "m.typing", content: { user_ids: [...typing] } });
  return events.filter((event) => request.filter.room.ephemeral.matches(event, room.roomId));
}

export function hasReceiptOf(userId: string, receipts: readonly JsonObject[] | undefined): boolean {
  for (const byType of (receipts ?? []).flatMap((content) => Object.values(content))) {
    for (const byUser of Object.values(byType as Record<string, JsonObject>))
      if (Object.hasOwn(byUser, userId)) return true;
  }
  return false;
}
