import type { Migration } from "../../../../storage/database.ts";

export const eventsByTime: Migration = {
  name: "events of a room by their time",
  sql: "CREATE INDEX events_by_time ON events (room, origin_ts);",
};
