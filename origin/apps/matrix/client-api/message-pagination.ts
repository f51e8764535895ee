import { badJson, invalidParam, missingParam } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { openRoom } from "../rooms/access.ts";
import { toClientEvents, toClientState } from "../rooms/client-event.ts";
import { sendersOf, walkRoom } from "../rooms/paginate.ts";
import type { Answer, Call, Route } from "../route.ts";
import { parseRoomEventFilter, type RoomEventFilter } from "../sync/filter.ts";
import { formatToken, parseToken } from "../sync/position.ts";
import { queryCount } from "./read-body.ts";
import { viewOf } from "./rooms.ts";

/** The most events in one answer. */
export const largestPage = 100;

export function messagePaginationRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/rooms/:roomId/messages",
      access: "member",
      handle: (call) => getMessages(matrix, call),
    },
  ];
}

function getMessages(matrix: MatrixContext, call: Call): Answer {
  const { userId } = call.requester;
  const opened = openRoom(matrix, call.params["roomId"] ?? "", userId);
  const direction = readDirection(call.query.get("dir"));
  const filter = readEventFilter(call);
  const asked = Math.min(queryCount(call.query, "limit", 10, largestPage), filter.limit ?? largestPage);
  // A page of nothing would lead nowhere.
  const limit = Math.max(1, asked);
  const from = call.query.get("from");
  const page = walkRoom(matrix, opened, {
    userId,
    direction,
    from: readPosition(from),
    to: readPosition(call.query.get("to")),
    limit,
    filter,
  });
  const view = viewOf(call, opened);
  return {
    start: from ?? formatToken({ so: page.start }),
    ...(page.end !== undefined && { end: formatToken({ so: page.end }) }),
    chunk: toClientEvents(matrix, page.events, view),
    ...(filter.lazyLoadMembers && {
      state: toClientState(matrix, sendersOf(matrix, opened, page.events), view),
    }),
  };
}

/** The `filter` of a query: JSON, for one request. 400 where it is none. */
export function readEventFilter(call: Call): RoomEventFilter {
  const text = call.query.get("filter");
  if (text === null || text === "") return parseRoomEventFilter({});
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw badJson("filter is not valid JSON.");
  }
  return parseRoomEventFilter(json);
}

export function readDirection(value: string | null, fallback?: "b" | "f"): "b" | "f" {
  const direction = value ?? fallback;
  if (direction === undefined) throw missingParam("dir is missing: give b or f.");
  if (direction !== "b" && direction !== "f") throw invalidParam("dir must be b or f.");
  return direction;
}

/** Clients that have no token yet may write an empty one. */
export const readPosition = (token: string | null): number | undefined =>
  token === null || token === "" ? undefined : parseToken(token).so;
