import type { Migration } from "../../storage/database.ts";

export const webSessionMigrations: readonly Migration[] = [
  {
    name: "sessions of browsers",
    sql: `
      -- What is bound to it ends when it is counted up: sign out everywhere, and a new password.
      ALTER TABLE members ADD COLUMN session_epoch INTEGER NOT NULL DEFAULT 0;

      -- A row with a parent is an app host's; the parent is the same browser's at the sign-in host.
      CREATE TABLE web_sessions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        token_hash BLOB NOT NULL UNIQUE,
        member_id INTEGER NOT NULL REFERENCES members (id),
        parent_id INTEGER REFERENCES web_sessions (id) ON DELETE CASCADE,
        host TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        name TEXT,
        browser TEXT NOT NULL,
        network TEXT NOT NULL,
        authenticated_at INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        last_seen_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX web_sessions_by_member ON web_sessions (member_id);
      CREATE UNIQUE INDEX web_sessions_by_parent ON web_sessions (parent_id, host) WHERE parent_id IS NOT NULL;

      ALTER TABLE changes ADD COLUMN web_session_id INTEGER;
    `,
  },
];
