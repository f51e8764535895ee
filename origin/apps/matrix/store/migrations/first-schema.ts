import type { Migration } from "../../../../storage/database.ts";

/** Rooms, events, state, user data, end-to-end keys. */
export const firstSchema: Migration = {
  name: "rooms, events, state, user data, end-to-end keys",
  sql: `
    CREATE TABLE stream (id INTEGER PRIMARY KEY CHECK (id = 1), position INTEGER NOT NULL) STRICT;
    INSERT INTO stream VALUES (1, 0);

    CREATE TABLE rooms (
      nid INTEGER PRIMARY KEY,
      room_id TEXT NOT NULL UNIQUE,
      version TEXT NOT NULL
    ) STRICT;

    CREATE TABLE events (
      so INTEGER PRIMARY KEY,
      room INTEGER NOT NULL REFERENCES rooms,
      event_id TEXT NOT NULL UNIQUE,
      type TEXT NOT NULL,
      state_key TEXT,
      sender TEXT NOT NULL,
      origin_ts INTEGER NOT NULL,
      pdu TEXT NOT NULL,
      redacted_by TEXT,
      rel_type TEXT,
      relates_to TEXT,
      sender_device TEXT,
      txn_id TEXT
    ) STRICT;
    CREATE INDEX events_by_room ON events (room, so);
    CREATE INDEX events_by_relation ON events (relates_to, rel_type, so) WHERE relates_to IS NOT NULL;

    -- One row for each time a piece of state held: valid from from_so (inclusive) to to_so (exclusive).
    CREATE TABLE state (
      room INTEGER NOT NULL,
      type TEXT NOT NULL,
      state_key TEXT NOT NULL,
      from_so INTEGER NOT NULL,
      to_so INTEGER,
      PRIMARY KEY (room, type, state_key, from_so)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX state_by_position ON state (room, from_so);
    CREATE INDEX state_now ON state (room) WHERE to_so IS NULL;

    CREATE TABLE memberships (
      user TEXT NOT NULL,
      room INTEGER NOT NULL,
      membership TEXT NOT NULL,
      so INTEGER NOT NULL,
      forgotten INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (user, room)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX memberships_by_room ON memberships (room, membership);
    CREATE INDEX memberships_by_position ON memberships (so);

    CREATE TABLE aliases (
      alias TEXT PRIMARY KEY,
      room INTEGER NOT NULL,
      creator TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX aliases_by_room ON aliases (room);

    -- The answer once given to (user, device, endpoint, transaction id).
    CREATE TABLE transactions (
      user TEXT NOT NULL,
      device TEXT NOT NULL,
      endpoint TEXT NOT NULL,
      txn_id TEXT NOT NULL,
      answer TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      PRIMARY KEY (user, device, endpoint, txn_id)
    ) STRICT, WITHOUT ROWID;

    -- An event that notifies somebody. users, highlighted: localparts, each between spaces. thread: root event id, or main.
    CREATE TABLE notifications (
      room INTEGER NOT NULL,
      so INTEGER NOT NULL,
      thread TEXT NOT NULL,
      users TEXT NOT NULL,
      highlighted TEXT NOT NULL,
      PRIMARY KEY (room, so)
    ) STRICT, WITHOUT ROWID;

    -- Everything up to so is read in the thread; in all of them where thread is ''. Whoever is in a room, or invited,
    -- has that row.
    CREATE TABLE read_marks (
      room INTEGER NOT NULL,
      user TEXT NOT NULL,
      thread TEXT NOT NULL,
      so INTEGER NOT NULL,
      PRIMARY KEY (room, user, thread)
    ) STRICT, WITHOUT ROWID;

    -- What was unread of the notifications up to so, where counting them again would take long. counts: JSON,
    -- thread to [notifications, highlights].
    CREATE TABLE unread_bases (
      room INTEGER NOT NULL,
      user TEXT NOT NULL,
      so INTEGER NOT NULL,
      counts TEXT NOT NULL,
      PRIMARY KEY (room, user)
    ) STRICT, WITHOUT ROWID;

    -- thread: root event id, main, or '' for a receipt without a thread.
    CREATE TABLE receipts (
      room INTEGER NOT NULL,
      user TEXT NOT NULL,
      type TEXT NOT NULL,
      thread TEXT NOT NULL,
      event_id TEXT NOT NULL,
      event_so INTEGER NOT NULL,
      ts INTEGER NOT NULL,
      so INTEGER NOT NULL,
      PRIMARY KEY (room, user, type, thread)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX receipts_by_position ON receipts (so);

    CREATE TABLE account_data (
      user TEXT NOT NULL,
      room INTEGER NOT NULL,
      type TEXT NOT NULL,
      content TEXT NOT NULL,
      so INTEGER NOT NULL,
      PRIMARY KEY (user, room, type)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX account_data_by_position ON account_data (user, so);

    CREATE TABLE profiles (user TEXT PRIMARY KEY, fields TEXT NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE filters (
      user TEXT NOT NULL,
      id INTEGER NOT NULL,
      definition TEXT NOT NULL,
      PRIMARY KEY (user, id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE device_keys (
      user TEXT NOT NULL,
      device TEXT NOT NULL,
      keys TEXT NOT NULL,
      PRIMARY KEY (user, device)
    ) STRICT, WITHOUT ROWID;

    -- Claimed in the order of upload (MSC4225), hence the ordinal.
    CREATE TABLE one_time_keys (
      ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
      user TEXT NOT NULL,
      device TEXT NOT NULL,
      algorithm TEXT NOT NULL,
      key_id TEXT NOT NULL,
      key TEXT NOT NULL,
      UNIQUE (user, device, algorithm, key_id)
    ) STRICT;

    CREATE TABLE fallback_keys (
      user TEXT NOT NULL,
      device TEXT NOT NULL,
      algorithm TEXT NOT NULL,
      key_id TEXT NOT NULL,
      key TEXT NOT NULL,
      used INTEGER NOT NULL,
      PRIMARY KEY (user, device, algorithm)
    ) STRICT, WITHOUT ROWID;

    -- usage: master, self_signing or user_signing.
    CREATE TABLE cross_signing_keys (
      user TEXT NOT NULL,
      usage TEXT NOT NULL,
      public_key TEXT NOT NULL,
      key TEXT NOT NULL,
      PRIMARY KEY (user, usage)
    ) STRICT, WITHOUT ROWID;

    -- What signer's signer_key (with its algorithm) says of user's key_id, a device id or a master key.
    CREATE TABLE key_signatures (
      user TEXT NOT NULL,
      key_id TEXT NOT NULL,
      signer TEXT NOT NULL,
      signer_key TEXT NOT NULL,
      signature TEXT NOT NULL,
      PRIMARY KEY (user, key_id, signer, signer_key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX key_signatures_by_signer ON key_signatures (signer, signer_key);

    -- reader: the only one whom it concerns, or '' for everyone who shares a room with the user.
    CREATE TABLE device_list_changes (
      user TEXT NOT NULL,
      reader TEXT NOT NULL,
      so INTEGER NOT NULL,
      PRIMARY KEY (user, reader)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX device_list_changes_by_position ON device_list_changes (so);

    CREATE TABLE to_device (
      so INTEGER PRIMARY KEY,
      user TEXT NOT NULL,
      device TEXT NOT NULL,
      sender TEXT NOT NULL,
      type TEXT NOT NULL,
      content TEXT NOT NULL
    ) STRICT;
    CREATE INDEX to_device_by_device ON to_device (user, device, so);

    -- How far the members' own list of changes has been followed.
    CREATE TABLE followed (id INTEGER PRIMARY KEY CHECK (id = 1), member_change INTEGER NOT NULL) STRICT;
    INSERT INTO followed VALUES (1, 0);
  `,
};
