import type { Migration } from "../../storage/database.ts";

/** Times are Unix milliseconds; a source is a network in CIDR form, an IPv4 /32 or an IPv6 /64. */
export const honeypotMigrations: readonly Migration[] = [
  {
    name: "the ledger",
    sql: `
      CREATE TABLE probe (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        source TEXT NOT NULL,
        address TEXT NOT NULL,
        country TEXT NOT NULL,
        host TEXT NOT NULL,
        method TEXT NOT NULL,
        target TEXT NOT NULL,
        rule TEXT NOT NULL,
        family TEXT NOT NULL,
        outcome TEXT NOT NULL,
        count INTEGER NOT NULL,
        -- What its source had gathered with it.
        score REAL NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX probe_by_source ON probe (source, seq);
      CREATE INDEX probe_by_time ON probe (last_at);
      -- Kept for a while after it has ended: who comes back is refused for longer.
      CREATE TABLE block (
        source TEXT PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('probes', 'jail', 'owner')),
        since INTEGER NOT NULL,
        until INTEGER NOT NULL,
        times INTEGER NOT NULL,
        reason TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      -- Where somebody has signed in: no count refuses it.
      CREATE TABLE trusted (
        source TEXT PRIMARY KEY,
        seen_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
