import type { Migration } from "../../../../storage/database.ts";

export const dehydratedDevices: Migration = {
  name: "dehydrated devices",
  sql: `
    -- Their keys and queues are where those of all devices are.
    CREATE TABLE dehydrated_devices (
      user TEXT PRIMARY KEY,
      device TEXT NOT NULL,
      name TEXT,
      data TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
