import type { Migration } from "../../../../storage/database.ts";

export const presence: Migration = {
  name: "presence",
  sql: `
    CREATE TABLE presence (
      user TEXT PRIMARY KEY,
      state TEXT NOT NULL,
      status_msg TEXT,
      last_active INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
