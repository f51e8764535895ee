import type { Migration } from "../../../../storage/database.ts";

export const lostPositions: Migration = {
  name: "positions that a restore lost",
  sql: `
    -- Given out after the backup that was restored: after < position <= up_to.
    CREATE TABLE lost_positions (after INTEGER PRIMARY KEY, up_to INTEGER NOT NULL) STRICT;
  `,
};
