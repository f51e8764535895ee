import type { Migration } from "../../storage/database.ts";

/** Times are Unix milliseconds. */
export const throttleMigrations: readonly Migration[] = [
  {
    name: "budgets",
    sql: `
      -- What each source, account, device and network has used up of its wrong tries.
      CREATE TABLE budget (
        key TEXT PRIMARY KEY,
        failures REAL NOT NULL,
        at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      -- Browsers that have signed in before, by the SHA-256 of their cookie.
      CREATE TABLE known_device (
        hash BLOB PRIMARY KEY,
        account TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        seen_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX known_device_by_account ON known_device (account, seen_at);
      -- Where each account has signed in from.
      CREATE TABLE known_network (
        account TEXT NOT NULL,
        network TEXT NOT NULL,
        seen_at INTEGER NOT NULL,
        PRIMARY KEY (account, network)
      ) STRICT, WITHOUT ROWID;
      -- What the command line wants forgotten by a running daemon, which holds the budgets in memory.
      CREATE TABLE clearing (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        what TEXT NOT NULL
      ) STRICT;
    `,
  },
];
