import type { Migration } from "../../../../storage/database.ts";

export const claimedKeys: Migration = {
  name: "one-time keys that were given out",
  sql: `
    -- digest: SHA-256 of the key with its name.
    CREATE TABLE claimed_keys (
      ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
      user TEXT NOT NULL,
      device TEXT NOT NULL,
      digest TEXT NOT NULL,
      UNIQUE (user, device, digest)
    ) STRICT;
  `,
};
