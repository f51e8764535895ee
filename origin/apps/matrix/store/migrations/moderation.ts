import type { Migration } from "../../../../storage/database.ts";

export const moderation: Migration = {
  name: "reports, jobs, server notices, erased members, sizes of rooms",
  sql: `
    -- kind: event, room or user. room_id is kept as text: the room may be gone by the time it is read.
    CREATE TABLE reports (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      kind TEXT NOT NULL,
      reporter TEXT NOT NULL,
      subject TEXT NOT NULL,
      room_id TEXT,
      event_id TEXT,
      user TEXT,
      reason TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      resolved_at INTEGER,
      resolved_by TEXT,
      note TEXT
    ) STRICT;
    -- What somebody reports again while it is open is the same report.
    CREATE UNIQUE INDEX reports_open ON reports (reporter, kind, subject) WHERE resolved_at IS NULL;

    -- Long work of the owner's, done in small writes. state: waiting, running, done, failed, cancelled.
    CREATE TABLE jobs (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      kind TEXT NOT NULL,
      arguments TEXT NOT NULL,
      state TEXT NOT NULL,
      cursor TEXT,
      done INTEGER NOT NULL,
      total INTEGER,
      error TEXT,
      created_by TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      ended_at INTEGER
    ) STRICT;
    CREATE INDEX jobs_open ON jobs (id) WHERE ended_at IS NULL;

    CREATE TABLE server_notices (user TEXT PRIMARY KEY, room INTEGER NOT NULL UNIQUE) STRICT, WITHOUT ROWID;

    -- Since so, what the member has said is shown only to those who could see it before.
    CREATE TABLE erased_users (user TEXT PRIMARY KEY, so INTEGER NOT NULL) STRICT, WITHOUT ROWID;

    -- Null: there. Otherwise it was deleted: nobody enters it any more, and what is left of it says only who was out.
    ALTER TABLE rooms ADD COLUMN deleted_at INTEGER;

    -- What the owner's list of rooms shows, kept right by the triggers below: counting it would take as long as there
    -- are events.
    CREATE TABLE room_summaries (
      room INTEGER PRIMARY KEY,
      events INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      last_at INTEGER NOT NULL,
      joined INTEGER NOT NULL DEFAULT 0,
      name TEXT,
      encrypted INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    INSERT INTO room_summaries (room, events, bytes, last_at)
      SELECT room, count(*), sum(octet_length(pdu)), max(origin_ts) FROM events GROUP BY room;
    UPDATE room_summaries SET
      joined = (SELECT count(*) FROM memberships m WHERE m.room = room_summaries.room AND m.membership = 'join'),
      name = (SELECT e.pdu ->> '$.content.name' FROM state s JOIN events e ON e.so = s.from_so
        WHERE s.room = room_summaries.room AND s.type = 'm.room.name' AND s.state_key = '' AND s.to_so IS NULL),
      encrypted = EXISTS (SELECT 1 FROM state s WHERE s.room = room_summaries.room
        AND s.type = 'm.room.encryption' AND s.state_key = '' AND s.to_so IS NULL);

    CREATE TRIGGER event_counted AFTER INSERT ON events BEGIN
      INSERT INTO room_summaries (room, events, bytes, last_at)
        VALUES (new.room, 1, octet_length(new.pdu), new.origin_ts)
        ON CONFLICT DO UPDATE SET events = events + 1, bytes = bytes + excluded.bytes, last_at = excluded.last_at;
    END;
    CREATE TRIGGER event_uncounted AFTER DELETE ON events BEGIN
      UPDATE room_summaries SET events = events - 1, bytes = bytes - octet_length(old.pdu) WHERE room = old.room;
    END;
    CREATE TRIGGER event_stripped AFTER UPDATE OF pdu ON events BEGIN
      UPDATE room_summaries SET bytes = bytes + octet_length(new.pdu) - octet_length(old.pdu) WHERE room = new.room;
      UPDATE room_summaries SET name = NULL WHERE room = new.room AND new.type = 'm.room.name'
        AND EXISTS (SELECT 1 FROM state WHERE room = new.room AND type = 'm.room.name' AND state_key = ''
          AND from_so = new.so AND to_so IS NULL);
    END;
    CREATE TRIGGER room_named AFTER INSERT ON state WHEN new.type = 'm.room.name' AND new.state_key = '' BEGIN
      UPDATE room_summaries SET name = (SELECT pdu ->> '$.content.name' FROM events WHERE so = new.from_so)
        WHERE room = new.room;
    END;
    CREATE TRIGGER room_encrypted AFTER INSERT ON state WHEN new.type = 'm.room.encryption' AND new.state_key = '' BEGIN
      UPDATE room_summaries SET encrypted = 1 WHERE room = new.room;
    END;
    CREATE TRIGGER member_counted AFTER INSERT ON memberships WHEN new.membership = 'join' BEGIN
      UPDATE room_summaries SET joined = joined + 1 WHERE room = new.room;
    END;
    CREATE TRIGGER member_recounted AFTER UPDATE OF membership ON memberships
      WHEN (new.membership = 'join') <> (old.membership = 'join') BEGIN
      UPDATE room_summaries SET joined = joined + iif(new.membership = 'join', 1, -1) WHERE room = new.room;
    END;
  `,
};
