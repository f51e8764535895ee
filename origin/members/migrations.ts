import { factorsMigrations } from "./factors/factors-migrations.ts";
import { webSessionMigrations } from "./web-sessions/migrations.ts";
import type { Migration } from "../storage/database.ts";

/** The schema of members.db, step by step. A step that has been released is never edited. */
export const membersMigrations: readonly Migration[] = [
  {
    name: "accounts, invites, sessions and what others follow",
    sql: `
      -- Outlives every account: an emptied members table must not re-open the set-up.
      CREATE TABLE claim (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        claimed_at INTEGER NOT NULL
      ) STRICT;

      CREATE TABLE setup_tokens (
        hash BLOB PRIMARY KEY,
        expires_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE members (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        role TEXT NOT NULL CHECK (role IN ('owner', 'member')),
        state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'deactivated')),
        password TEXT,
        created_at INTEGER NOT NULL
      ) STRICT;

      CREATE TABLE invites (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        hash BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        uses_allowed INTEGER NOT NULL,
        uses INTEGER NOT NULL DEFAULT 0,
        created_by INTEGER REFERENCES members (id),
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        revoked_at INTEGER,
        CHECK (uses BETWEEN 0 AND uses_allowed)
      ) STRICT;

      CREATE TABLE devices (
        member_id INTEGER NOT NULL REFERENCES members (id),
        device_id TEXT NOT NULL,
        display_name TEXT,
        created_at INTEGER NOT NULL,
        last_seen_at INTEGER,
        last_seen_address TEXT,
        PRIMARY KEY (member_id, device_id)
      ) STRICT, WITHOUT ROWID;

      -- One row is one pair of access and refresh token. 'sign_in' stays the same through all refreshes of one
      -- sign-in; 'replaces' names the pair that ends when this one is first used.
      CREATE TABLE tokens (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        access_hash BLOB NOT NULL UNIQUE,
        refresh_hash BLOB UNIQUE,
        member_id INTEGER NOT NULL,
        device_id TEXT NOT NULL,
        sign_in INTEGER,
        replaces INTEGER,
        expires_at INTEGER,
        FOREIGN KEY (member_id, device_id) REFERENCES devices (member_id, device_id) ON DELETE CASCADE
      ) STRICT;
      CREATE INDEX tokens_by_device ON tokens (member_id, device_id);
      CREATE INDEX tokens_by_replaced ON tokens (replaces) WHERE replaces IS NOT NULL;

      CREATE TABLE changes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        member_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        device_id TEXT,
        at INTEGER NOT NULL
      ) STRICT;
    `,
  },
  {
    name: "locked accounts, tickets of the command line",
    sql: `
      ALTER TABLE members ADD COLUMN locked_at INTEGER;

      -- Until now who was suspended was refused everything. That is a lock by now: an update lets nobody in.
      UPDATE members SET state = 'active', locked_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
        WHERE state = 'suspended';

      CREATE TABLE tickets (
        hash BLOB PRIMARY KEY,
        expires_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
  ...factorsMigrations,
  ...webSessionMigrations,
  {
    name: "sessions by OAuth, approvals",
    sql: `
      -- Of a session that an OAuth client was given: its id. Such a session is refreshed by that client alone.
      ALTER TABLE tokens ADD COLUMN oauth_client TEXT;

      CREATE TABLE approvals (
        member_id INTEGER NOT NULL REFERENCES members (id),
        act TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        PRIMARY KEY (member_id, act)
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    name: "sealed secrets of authenticator apps",
    sql: `
      -- 1: by the secret totp-key (AES-256-GCM). What was kept in clear is sealed at the next start.
      ALTER TABLE totp ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
    `,
  },
];
