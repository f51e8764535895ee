import type { RoomEvent } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { toClientEvents, toClientState } from "../rooms/client-event.ts";
import { eventsAround, sendersOf } from "../rooms/paginate.ts";
import type { Answer, Call, Route } from "../route.ts";
import { formatToken } from "../sync/position.ts";
import { largestPage, readEventFilter } from "./message-pagination.ts";
import { queryCount } from "./read-body.ts";
import { openEvent, viewOf } from "./rooms.ts";

export function eventContextRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/rooms/:roomId/context/:eventId",
      access: "member",
      handle: (call) => getContext(matrix, call),
    },
  ];
}

function getContext(matrix: MatrixContext, call: Call): Answer {
  const { opened, event } = openEvent(matrix, call);
  const filter = readEventFilter(call);
  const limit = Math.min(queryCount(call.query, "limit", 10, largestPage), filter.limit ?? largestPage);
  const half = Math.floor(limit / 2);
  const { before, after, start, end } = eventsAround(matrix, opened, event.so, {
    userId: call.requester.userId,
    filter,
    before: half,
    after: limit - half,
  });
  const events = [...before.toReversed(), event, ...after];
  const state = matrix.events
    .stateAt(opened.room, end)
    .filter((found) => filter.matches(found.pdu, opened.room.roomId));
  const view = viewOf(call, opened);
  const shown = toClientEvents(matrix, events, view);
  return {
    start: formatToken({ so: start }),
    end: formatToken({ so: end }),
    events_before: shown.slice(0, before.length).toReversed(),
    event: shown[before.length],
    events_after: shown.slice(before.length + 1),
    state: toClientState(
      matrix,
      filter.lazyLoadMembers ? withMembersOnly(state, sendersOf(matrix, opened, events)) : state,
      view,
    ),
  };
}

/** Lazy loading: the state with no other members than these. */
function withMembersOnly(state: readonly RoomEvent[], members: readonly RoomEvent[]): RoomEvent[] {
  return [...state.filter((event) => event.pdu.type !== "m.room.member"), ...members];
}
