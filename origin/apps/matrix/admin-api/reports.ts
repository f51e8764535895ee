import { optionalString, queryCount } from "../client-api/read-body.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, notFound } from "../matrix-error.ts";
import type { Report } from "../moderation/reports.ts";
import { toClientEvent } from "../rooms/client-event.ts";
import { createRoomReader } from "../rooms/visibility.ts";
import type { Answer, Call } from "../route.ts";
import { idOf, isoTime, largestPage, type OwnersOperation, queryWord, usualPage } from "./operation.ts";

const longestNote = 4000;

export function reportRoutes(matrix: MatrixContext): OwnersOperation[] {
  const { reports, database } = matrix;

  function list(call: Call): Answer {
    const limit = queryCount(call.query, "limit", usualPage, largestPage);
    const before = queryCount(call.query, "before", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const state = queryWord(call, "state", "open", "resolved", "all");
    const found = reports.list({ state, before, limit });
    const last = found.at(-1);
    return {
      reports: found.map(describe),
      open: reports.openCount(),
      ...(last && found.length === limit && { next: last.id }),
    };
  }

  function show(call: Call): Answer {
    const report = reports.get(idOf(call));
    if (!report) throw notFound("There is no such report.");
    const event = shownEvent(call, report);
    return { ...describe(report), ...(event && { event }) };
  }

  /** Owning the server opens no room: the event is shown to an owner who may read it there anyway. */
  function shownEvent(call: Call, { eventId, roomId }: Report): object | undefined {
    const { userId, deviceId } = call.requester;
    const room = roomId === null ? undefined : matrix.rooms.get(roomId);
    const event = eventId === null ? undefined : matrix.events.byId(eventId);
    if (!room?.joined.has(userId) || !event) return undefined;
    const reader = createRoomReader(matrix.events, room, userId);
    if (!reader.mayRead(event)) return undefined;
    return toClientEvent(matrix, event, { userId, deviceId, reader, withRoomId: true });
  }

  async function resolve(call: Call): Promise<Answer> {
    const id = idOf(call);
    const note = optionalString(await call.json({ mayBeEmpty: true }), "note") ?? "";
    if (note.length > longestNote) throw invalidParam(`note may have at most ${longestNote} characters.`);
    const by = call.requester.userId;
    const resolved = await database.write((transaction) => reports.resolve(transaction, id, by, note));
    const report = reports.get(id);
    if (!resolved || !report) throw notFound("There is no open report of this id.");
    return describe(report);
  }

  return [
    { method: "GET", path: "/reports", handle: list },
    { method: "GET", path: "/reports/:id", handle: show },
    { method: "POST", path: "/reports/:id/resolve", handle: resolve },
  ];
}

const describe = (report: Report) => ({
  id: report.id,
  kind: report.kind,
  reporter: report.reporter,
  room_id: report.roomId,
  event_id: report.eventId,
  user_id: report.user,
  reason: report.reason,
  created_at: isoTime(report.createdAt),
  resolved_at: isoTime(report.resolvedAt),
  resolved_by: report.resolvedBy,
  note: report.note,
});
