import type { MatrixContext } from "../matrix-context.ts";
import { type OpenedRoom, openRoom } from "../rooms/access.ts";
import { toClientEvents, toClientState } from "../rooms/client-event.ts";
import { walkRoom } from "../rooms/paginate.ts";
import { membershipOf } from "../rooms/room.ts";
import type { Answer, Call, Route } from "../route.ts";
import { parseRoomEventFilter } from "../sync/filter.ts";
import { formatToken } from "../sync/position.ts";
import type { AccountDataEntry } from "../users/account-data.ts";
import { largestPage } from "./message-pagination.ts";
import { queryCount } from "./read-body.ts";
import { viewOf } from "./rooms.ts";

export function roomInitialSyncRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/rooms/:roomId/initialSync",
      access: "member",
      handle: (call) => getRoom(matrix, call),
    },
  ];
}

/** A room at one glance: for its members, for former ones, and for whoever looks into a world-readable one. */
function getRoom(matrix: MatrixContext, call: Call): Answer {
  const { userId } = call.requester;
  const opened = openRoom(matrix, call.params["roomId"] ?? "", userId);
  const { room } = opened;
  // Who has read how far is the members' affair.
  const receipts = (room.joined.has(userId) && matrix.receipts.inRoom(userId, room.nid)) || [];
  return {
    ...readRoomInfo(matrix, call, opened, {
      upTo: opened.upTo,
      limit: queryCount(call.query, "limit", 10, largestPage),
      data: matrix.accountData.all(userId),
    }),
    presence: [],
    receipts: receipts.map((content) => ({ type: "m.receipt", room_id: room.roomId, content })),
  };
}

const everything = parseRoomEventFilter({});

/** The specification's RoomInfo: the last messages up to a position, and the state. */
export function readRoomInfo(
  matrix: MatrixContext,
  call: Call,
  opened: OpenedRoom,
  wish: { readonly upTo: number; readonly limit: number; readonly data: readonly AccountDataEntry[] },
): object {
  const { userId } = call.requester;
  const { room } = opened;
  const membership = membershipOf(room, userId);
  const upTo = Math.min(wish.upTo, opened.upTo);
  const page = walkRoom(matrix, opened, {
    userId,
    direction: "b",
    from: upTo,
    to: undefined,
    limit: wish.limit,
    filter: everything,
  });
  const view = viewOf(call, opened);
  return {
    room_id: room.roomId,
    ...(membership !== undefined && membership !== "knock" && { membership }),
    messages: {
      ...(page.end !== undefined && { start: formatToken({ so: page.end }) }),
      end: formatToken({ so: upTo }),
      chunk: toClientEvents(matrix, page.events.toReversed(), view),
    },
    state: toClientState(matrix, opened.state(), view),
    visibility: matrix.roomDirectory.has(room) ? "public" : "private",
    account_data: wish.data
      .filter((entry) => entry.room === room.nid)
      .map(({ type, content }) => ({ type, content })),
  };
}
