import type { RoomEvent } from "../events/event.ts";
import { redactPdu } from "../events/redact.ts";
import { invalidParam } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { type OpenedRoom, openRoom } from "../rooms/access.ts";
import { type ClientEvent, toClientEvents } from "../rooms/client-event.ts";
import type { Answer, Call, Route } from "../route.ts";
import { formatToken } from "../sync/position.ts";
import { largestPage, readPosition } from "./message-pagination.ts";
import { queryCount } from "./read-body.ts";
import { viewOf } from "./rooms.ts";

/** Threads that the reader may see little of must not make one request read them all: then a page ends early. */
const mostScanned = 500;

export function threadsListRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "GET",
      path: "/_matrix/client/v1/rooms/:roomId/threads",
      access: "member",
      handle: (call) => getThreads(matrix, call),
    },
  ];
}

/**
 * Threads by their last reply, the latest first. A thread that gets a reply between two pages moves to the top, above
 * what has been read: a token stays good, and nothing comes twice.
 */
function getThreads(matrix: MatrixContext, call: Call): Answer {
  const opened = openRoom(matrix, call.params["roomId"] ?? "", call.requester.userId);
  const include = call.query.get("include") ?? "all";
  if (include !== "all" && include !== "participated") {
    throw invalidParam("include must be all or participated.");
  }
  const limit = Math.max(1, queryCount(call.query, "limit", 20, largestPage));
  const participant = include === "participated" ? call.requester.userId : undefined;
  const chunk: ClientEvent[] = [];
  let upTo = readPosition(call.query.get("from")) ?? Number.MAX_SAFE_INTEGER;
  for (let scanned = 0; ; ) {
    // One more than wanted tells whether anything is left.
    const batch = limit - chunk.length + 1;
    const places = matrix.threads.page(opened.room, { upTo, limit: batch, participant });
    const shown = showRoots(
      matrix,
      call,
      opened,
      places.map((place) => place.rootId),
    );
    for (const { rootId, latestSo } of places) {
      if (chunk.length === limit) return { chunk, next_batch: formatToken({ so: upTo }) };
      upTo = latestSo - 1;
      const root = shown.get(rootId);
      if (root) chunk.push(root);
    }
    if (places.length < batch) return { chunk };
    scanned += places.length;
    if (scanned >= mostScanned) return { chunk, next_batch: formatToken({ so: upTo }) };
  }
}

/** Those of the roots that the reader may see and of whose threads they may see something, by id. */
function showRoots(
  matrix: MatrixContext,
  call: Call,
  opened: OpenedRoom,
  rootIds: readonly string[],
): Map<string, ClientEvent> {
  const ignored = matrix.accountData.ignored(call.requester.userId);
  const found = [...matrix.events.byIds(rootIds).values()];
  const roots = found.filter((root) => root.so <= opened.upTo && opened.reader.mayRead(root));
  // Clients that put threads together themselves do not have the words of the ignored, but the others' replies to them.
  const strip = (root: RoomEvent): RoomEvent =>
    ignored.has(root.pdu.sender) ? { ...root, pdu: redactPdu(root.pdu, opened.room.version) } : root;
  const shown = toClientEvents(matrix, roots.map(strip), viewOf(call, opened));
  return new Map(
    shown
      .filter((event) => event.unsigned["m.relations"]?.["m.thread"])
      .map((event) => [event.event_id, event]),
  );
}
