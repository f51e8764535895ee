import type { Database, Migration } from "../storage/database.ts";
import type { Databases } from "../storage/databases.ts";

/** The host's own memory, `databases/host.db`: alerts, what the owner confirmed, and what other parts of the host add. */
export function openHostDatabase(databases: Databases): Database {
  return databases.open("host", hostMigrations);
}

/** Times are Unix milliseconds. A part of the host adds its tables as a further entry at the end. */
export const hostMigrations: readonly Migration[] = [
  {
    name: "alerts",
    sql: `
      CREATE TABLE alert (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        severity TEXT NOT NULL CHECK (severity IN ('warning', 'critical')),
        title TEXT NOT NULL,
        detail TEXT NOT NULL,
        raised_at INTEGER NOT NULL,
        last_raised_at INTEGER NOT NULL,
        announced_at INTEGER,
        cleared_at INTEGER
      ) STRICT;
      CREATE UNIQUE INDEX alert_open ON alert (id) WHERE cleared_at IS NULL;
      CREATE INDEX alert_by_id ON alert (id, announced_at);
      CREATE TABLE alert_delivery (
        seq INTEGER PRIMARY KEY,
        alert INTEGER NOT NULL REFERENCES alert (seq) ON DELETE CASCADE,
        port TEXT NOT NULL,
        news TEXT NOT NULL CHECK (news IN ('raised', 'cleared')),
        queued_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0
      ) STRICT;
      CREATE INDEX alert_delivery_due ON alert_delivery (due_at);
    `,
  },
  {
    name: "facts",
    sql: `
      CREATE TABLE fact (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        noted_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    name: "backups",
    sql: `
      CREATE TABLE backup_run (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('backup', 'drill')),
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        ok INTEGER NOT NULL DEFAULT 0,
        detail TEXT NOT NULL DEFAULT '',
        path TEXT,
        bytes INTEGER,
        instance TEXT,
        sequence INTEGER,
        manifest_hash TEXT
      ) STRICT;
      CREATE INDEX backup_run_by_kind ON backup_run (kind, ok, seq);
      CREATE INDEX backup_run_by_sequence ON backup_run (instance, sequence) WHERE sequence IS NOT NULL;
      -- Where a blob lies encrypted at a target: it is encrypted once, with others in one pack.
      CREATE TABLE backup_blob (
        target TEXT NOT NULL,
        hash TEXT NOT NULL,
        pack TEXT NOT NULL,
        pack_bytes INTEGER NOT NULL,
        start INTEGER NOT NULL,
        length INTEGER NOT NULL,
        PRIMARY KEY (target, hash)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX backup_blob_by_pack ON backup_blob (target, pack);
    `,
  },
];
