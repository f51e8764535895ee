import type { Migration } from "../../../../storage/database.ts";

export const keyBackups: Migration = {
  name: "backups of room keys",
  sql: `
    -- version and etag are stream positions: neither comes twice. A deleted version stays, without its contents, so
    -- that deleting it again succeeds. count: of the sessions in all of its rooms.
    CREATE TABLE key_backups (
      version INTEGER PRIMARY KEY,
      user TEXT NOT NULL,
      algorithm TEXT NOT NULL,
      auth_data TEXT NOT NULL,
      etag INTEGER NOT NULL,
      count INTEGER NOT NULL,
      deleted INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX key_backups_in_use ON key_backups (user, version) WHERE deleted = 0;

    -- version NULL: deleted, and its sessions are being swept away.
    CREATE TABLE key_backup_rooms (
      nid INTEGER PRIMARY KEY,
      version INTEGER,
      room_id TEXT NOT NULL,
      count INTEGER NOT NULL,
      UNIQUE (version, room_id)
    ) STRICT;
    CREATE INDEX key_backup_leftovers ON key_backup_rooms (nid) WHERE version IS NULL;

    CREATE TABLE key_backup_sessions (
      room INTEGER NOT NULL,
      session TEXT NOT NULL,
      verified INTEGER NOT NULL,
      first_message_index INTEGER NOT NULL,
      forwarded_count INTEGER NOT NULL,
      data TEXT NOT NULL,
      UNIQUE (room, session)
    ) STRICT;
  `,
};
