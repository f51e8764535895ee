import type { Migration } from "../../../../storage/database.ts";

/** Events to be sent later (MSC4140). */
export const delayedEvents: Migration = {
  name: "delayed events",
  sql: `
    -- Still to be sent where finalised_at is null; otherwise sent (event_id), failed (error: JSON), or cancelled.
    CREATE TABLE delayed_events (
      delay_id TEXT PRIMARY KEY,
      user TEXT NOT NULL,
      device TEXT NOT NULL,
      room TEXT NOT NULL,
      type TEXT NOT NULL,
      state_key TEXT,
      content TEXT NOT NULL,
      txn_id TEXT,
      delay INTEGER NOT NULL,
      send_at INTEGER NOT NULL,
      finalised_at INTEGER,
      event_id TEXT,
      error TEXT
    ) STRICT;
    CREATE INDEX delayed_events_due ON delayed_events (send_at) WHERE finalised_at IS NULL;
    CREATE INDEX delayed_events_by_state ON delayed_events (room, type, state_key)
      WHERE finalised_at IS NULL AND state_key IS NOT NULL;
    CREATE INDEX delayed_events_by_user ON delayed_events (user, finalised_at);
    CREATE INDEX delayed_events_finalised ON delayed_events (finalised_at) WHERE finalised_at IS NOT NULL;
  `,
};
