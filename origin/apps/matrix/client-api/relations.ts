import type { MatrixContext } from "../matrix-context.ts";
import { toClientEvents } from "../rooms/client-event.ts";
import type { Answer, Call, Route } from "../route.ts";
import { formatToken } from "../sync/position.ts";
import { largestPage, readDirection, readPosition } from "./message-pagination.ts";
import { queryCount, queryFlag } from "./read-body.ts";
import { openEvent, viewOf } from "./rooms.ts";

/** With `recurse`, how many relations away a child may be: the specification asks for three. */
const recursionDepth = 3;

export function relationsRoutes(matrix: MatrixContext): Route[] {
  const path = "/_matrix/client/v1/rooms/:roomId/relations/:eventId";
  return [path, `${path}/:relType`, `${path}/:relType/:eventType`].map((each) => ({
    method: "GET",
    path: each,
    access: "member",
    handle: (call) => getRelations(matrix, call),
  }));
}

function getRelations(matrix: MatrixContext, call: Call): Answer {
  const { opened, event } = openEvent(matrix, call);
  const { userId } = call.requester;
  const { relType, eventType } = call.params;
  const direction = readDirection(call.query.get("dir"), "b");
  const limit = Math.max(1, queryCount(call.query, "limit", 20, largestPage));
  const recurse = queryFlag(call.query, "recurse");
  const from = readPosition(call.query.get("from"));
  const to = readPosition(call.query.get("to"));
  const backwards = direction === "b";
  const found = matrix.relations.children(opened.room, {
    parentId: event.eventId,
    depth: recurse ? recursionDepth : 1,
    relType,
    type: eventType,
    after: (backwards ? to : from) ?? 0,
    upTo: Math.min(opened.upTo, (backwards ? from : to) ?? opened.upTo),
    direction,
    // One more tells whether anything is left.
    limit: limit + 1,
  });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const loaded = matrix.events.byIds(page.map((child) => child.eventId));
  const ignored = matrix.accountData.ignored(userId);
  const events = page
    .flatMap((child) => loaded.get(child.eventId) ?? [])
    .filter(
      (child) =>
        opened.reader.mayRead(child) && (child.pdu.state_key !== undefined || !ignored.has(child.pdu.sender)),
    );
  return {
    chunk: toClientEvents(matrix, events, viewOf(call, opened)),
    ...(found.length > limit &&
      last && { next_batch: formatToken({ so: backwards ? last.so - 1 : last.so }) }),
    ...(from !== undefined && { prev_batch: formatToken({ so: from }) }),
    ...(recurse && { recursion_depth: recursionDepth }),
  };
}
