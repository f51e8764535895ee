import { optionalString, queryCount, requireString } from "../client-api/read-body.ts";
import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, notFound } from "../matrix-error.ts";
import { type RoomSummary, roomSorts } from "../moderation/room-summaries.ts";
import type { Room } from "../rooms/room.ts";
import type { Answer, Call } from "../route.ts";
import { isoTime, largestPage, type OwnersOperation, queryWord, usualPage } from "./operation.ts";
import { describeJob } from "./jobs.ts";

export function roomRoutes(matrix: MatrixContext): OwnersOperation[] {
  function summaryOf(call: Call): RoomSummary {
    const summary = matrix.roomSummaries.get(call.params["roomId"] ?? "");
    if (!summary) throw notFound("There is no such room.");
    return summary;
  }

  function roomOf(call: Call): Room {
    const room = matrix.rooms.get(summaryOf(call).roomId);
    if (!room) throw notFound("There is no such room.");
    return room;
  }

  function list(call: Call): Answer {
    const limit = queryCount(call.query, "limit", usualPage, largestPage);
    const offset = queryCount(call.query, "from", 0, Number.MAX_SAFE_INTEGER);
    const encrypted = queryWord(call, "encrypted", "any", "true", "false");
    // One more tells whether there is another page.
    const found = matrix.roomSummaries.list({
      sort: queryWord(call, "sort", ...roomSorts),
      search: call.query.get("search") ?? undefined,
      encrypted: encrypted === "any" ? undefined : encrypted === "true",
      offset,
      limit: limit + 1,
    });
    return {
      rooms: found.slice(0, limit).map(describe),
      ...(found.length > limit && { next: offset + limit }),
    };
  }

  function show(call: Call): Answer {
    const summary = summaryOf(call);
    const room = roomOf(call);
    const text = (type: string, key: string) => room.get(type, "")?.content[key] ?? null;
    return {
      ...describe(summary),
      topic: text("m.room.topic", "topic"),
      creator: room.get("m.room.create", "")?.sender ?? null,
      join_rule: text("m.room.join_rules", "join_rule"),
      history_visibility: text("m.room.history_visibility", "history_visibility"),
      aliases: matrix.aliases.ofRoom(room.nid),
      published: matrix.roomDirectory.has(room),
    };
  }

  function listMembers(call: Call): Answer {
    const all = [...roomOf(call).members].filter(([, membership]) => membership !== "leave");
    const limit = queryCount(call.query, "limit", usualPage, largestPage);
    const offset = queryCount(call.query, "from", 0, Number.MAX_SAFE_INTEGER);
    return {
      members: all
        .slice(offset, offset + limit)
        .map(([userId, membership]) => ({ user_id: userId, membership })),
      total: all.length,
      ...(offset + limit < all.length && { next: offset + limit }),
    };
  }

  async function startJob(call: Call, kind: string, given: JsonObject): Promise<Answer> {
    const job = await matrix.database.write((transaction) =>
      matrix.jobs.add(transaction, { kind, arguments: given, by: call.requester.userId }),
    );
    return { job: describeJob(job) };
  }

  async function remove(call: Call): Promise<Answer> {
    const { roomId } = summaryOf(call);
    const reason = optionalString(await call.json({ mayBeEmpty: true }), "reason");
    return startJob(call, "delete-room", { room_id: roomId, ...(reason !== undefined && { reason }) });
  }

  async function purge(call: Call): Promise<Answer> {
    const { roomId } = summaryOf(call);
    const before = Date.parse(requireString(await call.json(), "before"));
    if (Number.isNaN(before) || before > matrix.now()) {
      throw invalidParam('before must be a time that is past, such as "2026-01-31T00:00:00Z".');
    }
    return startJob(call, "purge-history", { room_id: roomId, before });
  }

  const one = "/rooms/:roomId";
  return [
    { method: "GET", path: "/rooms", handle: list },
    { method: "GET", path: one, handle: show },
    { method: "DELETE", path: one, handle: remove },
    { method: "GET", path: `${one}/members`, handle: listMembers },
    { method: "POST", path: `${one}/purge-history`, handle: purge },
  ];
}

const describe = (room: RoomSummary) => ({
  room_id: room.roomId,
  name: room.name,
  version: room.version,
  members: room.joined,
  events: room.events,
  bytes: room.bytes,
  encrypted: room.encrypted === 1,
  last_activity_at: isoTime(room.lastActivityAt),
});
