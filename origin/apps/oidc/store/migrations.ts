import type { Migration } from "../../../storage/database.ts";

/** The schema of oidc.db, step by step. A step that has been released is never edited. */
export const oidcMigrations: readonly Migration[] = [
  {
    name: "what the provider keeps, and who members are to apps",
    sql: `
      -- One row is one code, token, grant, session, interaction or client that registered itself. 'key' is the hash
      -- of its id, which for most is the secret itself; the payload does not hold it.
      CREATE TABLE entries (
        kind TEXT NOT NULL,
        key BLOB NOT NULL,
        payload TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        consumed_at INTEGER,
        grant_key BLOB,
        uid TEXT,
        user_code BLOB,
        -- Whom it speaks for, and what it ends with: the member's epoch of sessions, the web session it came from.
        member_id INTEGER,
        epoch INTEGER,
        web_session INTEGER,
        PRIMARY KEY (kind, key)
      ) STRICT;
      CREATE INDEX entries_by_grant ON entries (grant_key) WHERE grant_key IS NOT NULL;
      CREATE INDEX entries_by_uid ON entries (uid) WHERE uid IS NOT NULL;
      CREATE INDEX entries_by_user_code ON entries (user_code) WHERE user_code IS NOT NULL;
      CREATE INDEX entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
      CREATE INDEX entries_by_member ON entries (member_id) WHERE member_id IS NOT NULL;

      -- 'sub' of a member: says nothing of them, and never changes.
      CREATE TABLE subjects (
        member_id INTEGER PRIMARY KEY,
        subject TEXT NOT NULL UNIQUE
      ) STRICT;

      -- The device that a grant has opened, for as long as its code may be sent again.
      CREATE TABLE opened_devices (
        grant_key BLOB PRIMARY KEY,
        member_id INTEGER NOT NULL,
        device_id TEXT NOT NULL,
        expires_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
];

/**
 * What ends when oidc.db is restored from a backup: everything that could sign somebody in, since it may have been
 * ended after that time. Clients and subjects stay: apps know their accounts by the subject.
 */
export const oidcAfterRestore = `
  DELETE FROM entries WHERE kind <> 'Client';
  DELETE FROM opened_devices;
`;
