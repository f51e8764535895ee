import assert from "node:assert/strict";

import type { User } from "../../apps/matrix/fixture.ts";
import type { Driver } from "./drive.ts";

/** Relations, threads, search, events by time, and what came before /sync, of a room that both are in. */
export async function driveHistory(
  driver: Driver,
  { ada, cleo, roomId, eventId }: { ada: User; cleo: User; roomId: string; eventId: string },
): Promise<void> {
  const drive: Driver["drive"] = (...request) => driver.drive(...request);
  const checkEvents: Driver["checkEvents"] = (...events) => driver.checkEvents(...events);
  const room = { roomId };
  const parent = { ...room, eventId, relType: "m.thread", eventType: "m.room.message" };
  const relations = "/v1/rooms/{roomId}/relations/{eventId}";
  checkEvents((await drive("GET", relations, parent, { as: ada })).body.chunk);
  await drive("GET", `${relations}/{relType}`, parent, { as: ada, query: { recurse: "true" } });
  await drive("GET", `${relations}/{relType}/{eventType}`, parent, { as: ada, query: { limit: "1" } });
  const threads = await drive("GET", "/v1/rooms/{roomId}/threads", room, {
    as: ada,
    query: { include: "participated", limit: "1" },
  });
  checkEvents(threads.body.chunk);
  await drive("GET", "/v1/rooms/{roomId}/threads", room, { as: ada, status: 400, query: { from: "x" } });
  const near = "/v1/rooms/{roomId}/timestamp_to_event";
  await drive("GET", near, room, { as: ada, query: { ts: "1", dir: "f" } });
  await drive("GET", near, room, { as: ada, status: 404, query: { ts: "1", dir: "b" } });
  const found = await drive(
    "POST",
    "/v3/search",
    {},
    { as: ada, body: searchFor("dinner which", room.roomId) },
  );
  const { results, state: states } = found.body.search_categories.room_events;
  assert.deepEqual(results, []);
  assert.deepEqual(states, {});
  const both = await drive("POST", "/v3/search", {}, { as: ada, body: searchFor("dinner", room.roomId) });
  for (const { result, context } of both.body.search_categories.room_events.results) {
    checkEvents([result, ...context.events_before, ...context.events_after]);
  }
  const glance = await drive("GET", "/v3/rooms/{roomId}/initialSync", room, { as: cleo });
  checkEvents([...glance.body.messages.chunk, ...glance.body.state]);
  await drive("GET", "/v3/events/{eventId}", { eventId }, { as: cleo });
  await drive("GET", "/v3/events/{eventId}", { eventId: "$none" }, { as: cleo, status: 404 });
  await drive(
    "GET",
    "/v3/events",
    {},
    { as: cleo, query: { room_id: room.roomId, from: glance.body.messages.end } },
  );
  await drive("GET", "/v3/initialSync", {}, { as: cleo, query: { archived: "true" } });
}

const searchFor = (term: string, roomId: string) => ({
  search_categories: {
    room_events: {
      search_term: term,
      filter: { rooms: [roomId] },
      event_context: { include_profile: true },
      groupings: { group_by: [{ key: "room_id" }, { key: "sender" }] },
      include_state: true,
    },
  },
});
