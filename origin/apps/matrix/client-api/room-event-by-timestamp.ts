import { missingParam, notFound } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { openRoom } from "../rooms/access.ts";
import type { Answer, Call, Route } from "../route.ts";
import { readDirection } from "./message-pagination.ts";
import { queryCount } from "./read-body.ts";

/** Rows of an index: what a long history before the reader's time must not exceed in one go. */
const mostScanned = 20_000;

export function roomEventByTimestampRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "GET",
      path: "/_matrix/client/v1/rooms/:roomId/timestamp_to_event",
      access: "member",
      handle: (call) => getEventByTimestamp(matrix, call),
    },
  ];
}

/** The readable event that is nearest to the time in the direction; 404 M_NOT_FOUND where there is none. */
function getEventByTimestamp(matrix: MatrixContext, call: Call): Answer {
  const { userId } = call.requester;
  const opened = openRoom(matrix, call.params["roomId"] ?? "", userId);
  const direction = readDirection(call.query.get("dir"));
  if (!call.query.get("ts")) throw missingParam("ts is missing: give a time in milliseconds.");
  const time = queryCount(call.query, "ts", 0, Number.MAX_SAFE_INTEGER);
  const ignored = matrix.accountData.ignored(userId);
  for (const so of matrix.events.positionsByTime(opened.room, time, direction, mostScanned)) {
    if (so > opened.upTo || !opened.reader.mayReadAt(so)) continue;
    const [event] = matrix.events.at([so]);
    if (!event || (event.pdu.state_key === undefined && ignored.has(event.pdu.sender))) continue;
    return { event_id: event.eventId, origin_server_ts: event.pdu.origin_server_ts };
  }
  throw notFound(`There is no event ${direction === "f" ? "at or after" : "at or before"} this time.`);
}
