import type { Migration } from "../../../../storage/database.ts";

export const threads: Migration = {
  name: "threads by their last reply",
  sql: `
    -- root_so: the event that the thread starts from; latest_so: its newest reply that has not been redacted.
    CREATE TABLE threads (
      room INTEGER NOT NULL,
      root_so INTEGER NOT NULL,
      latest_so INTEGER NOT NULL,
      PRIMARY KEY (room, root_so)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX threads_by_latest ON threads (room, latest_so);

    -- Who sent the root or a reply that has not been redacted.
    CREATE TABLE thread_participants (
      room INTEGER NOT NULL,
      user TEXT NOT NULL,
      root_so INTEGER NOT NULL,
      PRIMARY KEY (room, user, root_so)
    ) STRICT, WITHOUT ROWID;

    INSERT INTO threads (room, root_so, latest_so)
      SELECT root.room, root.so, MAX(reply.so) FROM events reply JOIN events root ON root.event_id = reply.relates_to
      WHERE reply.rel_type = 'm.thread' GROUP BY root.so;
    INSERT OR IGNORE INTO thread_participants (room, user, root_so)
      SELECT root.room, reply.sender, root.so FROM events reply JOIN events root ON root.event_id = reply.relates_to
      WHERE reply.rel_type = 'm.thread';
    INSERT OR IGNORE INTO thread_participants (room, user, root_so)
      SELECT t.room, root.sender, t.root_so FROM threads t JOIN events root ON root.so = t.root_so;
  `,
};
