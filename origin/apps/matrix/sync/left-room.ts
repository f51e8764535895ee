import type { MatrixContext } from "../matrix-context.ts";
import type { Room } from "../rooms/room.ts";
import { createRoomReader } from "../rooms/visibility.ts";
import type { AccountDataEntry } from "../users/account-data.ts";
import type { LazyMembers } from "./lazy-members.ts";
import { type HistoryPlan, type HistorySection, readHistory, showHistory } from "./room-history.ts";
import { wasJoinedAt } from "./stay.ts";
import type { EventList, SyncRequest } from "./sync-request.ts";

/** One entry of `rooms.leave`. */
export type LeftRoom = HistorySection & { readonly account_data: EventList };

export interface LeftScope {
  readonly room: Room;
  /** The position of the leave, kick, ban or rejection: nothing after it is the user's to see. */
  readonly leftAt: number;
  readonly after: number;
  readonly now: number;
  readonly whole: boolean;
  readonly gap: boolean;
  readonly accountData: readonly AccountDataEntry[];
}

export function leftRoom(
  matrix: MatrixContext,
  lazyMembers: LazyMembers,
  request: SyncRequest,
  scope: LeftScope,
): LeftRoom {
  const { room, leftAt, after, now } = scope;
  const { userId } = request;
  const reader = createRoomReader(matrix.events, room, userId);
  // The end of the last stay: a ban may have followed it, or there was never more than an invitation.
  const until = reader.until ?? 0;
  const stayed = until > after;
  const wasJoined = after > 0 && wasJoinedAt(matrix.events, room, userId, after);
  const plan: HistoryPlan = {
    request,
    stretch: {
      room,
      after,
      upTo: leftAt,
      whole: scope.whole || (stayed && !wasJoined),
      current: false,
    },
    reader,
    gap: scope.gap,
  };
  const history = readHistory(matrix, plan);
  const visible = history.state.filter(
    (event) => event.so <= until || (event.pdu.type === "m.room.member" && event.pdu.state_key === userId),
  );
  const section = showHistory(
    matrix,
    lazyMembers,
    plan,
    { timeline: history.timeline, state: visible },
    { next: now, heroes: [] },
  );
  const accountData = scope.accountData
    .filter((entry) => request.filter.room.accountData.matches(entry, room.roomId))
    .map(({ type, content }) => ({ type, content }));
  return { ...section, account_data: { events: accountData } };
}
