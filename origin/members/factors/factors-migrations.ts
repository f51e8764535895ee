import type { Migration } from "../../storage/database.ts";

/** Steps of members.db's schema: second factors, and the keys of programs. */
export const factorsMigrations: readonly Migration[] = [
  {
    name: "passkeys, authenticator apps, recovery codes, keys",
    sql: `
      -- What an authenticator files a member's passkeys under: random, so that it tells nothing (WebAuthn §14.6.1).
      CREATE TABLE passkey_users (
        member_id INTEGER PRIMARY KEY REFERENCES members (id),
        handle TEXT NOT NULL UNIQUE
      ) STRICT;

      CREATE TABLE passkeys (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        credential_id TEXT NOT NULL UNIQUE,
        member_id INTEGER NOT NULL REFERENCES members (id),
        public_key BLOB NOT NULL,
        counter INTEGER NOT NULL,
        transports TEXT NOT NULL,
        synced INTEGER NOT NULL,
        backed_up INTEGER NOT NULL,
        name TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        last_used_at INTEGER
      ) STRICT;
      CREATE INDEX passkeys_by_member ON passkeys (member_id);

      -- The codes are computed from the secrets, so that no hash of them would do: see the next step.
      CREATE TABLE totp (
        member_id INTEGER PRIMARY KEY REFERENCES members (id),
        secret BLOB,
        enrolled_at INTEGER,
        -- Of the newest code that was taken: none works twice (RFC 6238 §5.2).
        last_step INTEGER NOT NULL DEFAULT 0,
        pending_secret BLOB,
        pending_until INTEGER
      ) STRICT;

      CREATE TABLE recovery_codes (
        member_id INTEGER NOT NULL REFERENCES members (id),
        hash BLOB NOT NULL,
        PRIMARY KEY (member_id, hash)
      ) STRICT, WITHOUT ROWID;

      -- API keys and app passwords.
      CREATE TABLE keys (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('api-key', 'app-password')),
        hash BLOB NOT NULL UNIQUE,
        member_id INTEGER NOT NULL REFERENCES members (id),
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        last_used_at INTEGER,
        last_used_address TEXT,
        revoked_at INTEGER,
        CHECK (kind = 'app-password' OR expires_at IS NOT NULL)
      ) STRICT;
      CREATE INDEX keys_by_member ON keys (member_id);
    `,
  },
];
