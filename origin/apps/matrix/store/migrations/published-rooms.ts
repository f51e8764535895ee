import type { Migration } from "../../../../storage/database.ts";

export const publishedRooms: Migration = {
  name: "published rooms",
  sql: `
    -- The room directory: rooms that their members have put into it.
    CREATE TABLE published_rooms (room INTEGER PRIMARY KEY REFERENCES rooms) STRICT;
  `,
};
