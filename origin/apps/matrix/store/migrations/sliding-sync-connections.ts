import type { Migration } from "../../../../storage/database.ts";

export const slidingSyncConnections: Migration = {
  name: "connections of sliding sync",
  sql: `
    -- What a connection has been sent, by state: the one that its client has proved to have, and those answered since.
    CREATE TABLE sliding_sync_states (
      user TEXT NOT NULL,
      device TEXT NOT NULL,
      conn_id TEXT NOT NULL,
      state INTEGER NOT NULL,
      instance TEXT NOT NULL,
      sent TEXT NOT NULL,
      used_at INTEGER NOT NULL,
      PRIMARY KEY (user, device, conn_id, state)
    ) STRICT, WITHOUT ROWID;
  `,
};
