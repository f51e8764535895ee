import type { Migration } from "../../../../storage/database.ts";

/** Pushers, what a notification is to sound like, thread subscriptions. */
export const push: Migration = {
  name: "pushers, tweaks, thread subscriptions",
  sql: `
    -- tweaks: JSON, a list of [tweaks, localparts between spaces] for those whom rules with tweaks notify, or empty.
    ALTER TABLE notifications ADD COLUMN tweaks TEXT NOT NULL DEFAULT '';

    -- pushed: every notification up to that position has been sent, or need not be. badge: the last number sent.
    CREATE TABLE pushers (
      user TEXT NOT NULL,
      app_id TEXT NOT NULL,
      pushkey TEXT NOT NULL,
      device TEXT NOT NULL,
      app_display_name TEXT NOT NULL,
      device_display_name TEXT NOT NULL,
      profile_tag TEXT,
      lang TEXT NOT NULL,
      url TEXT NOT NULL,
      data TEXT NOT NULL,
      set_at INTEGER NOT NULL,
      pushed INTEGER NOT NULL,
      badge INTEGER,
      PRIMARY KEY (user, app_id, pushkey)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX pushers_by_key ON pushers (app_id, pushkey);

    -- so: of the last change. Where it has ended, what happened in the thread before ended_at does not begin it again.
    CREATE TABLE thread_subscriptions (
      user TEXT NOT NULL,
      room INTEGER NOT NULL,
      root TEXT NOT NULL,
      automatic INTEGER NOT NULL,
      so INTEGER NOT NULL,
      ended_at INTEGER,
      PRIMARY KEY (user, room, root)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX thread_subscriptions_by_position ON thread_subscriptions (user, so);
    CREATE INDEX thread_subscriptions_by_thread ON thread_subscriptions (root) WHERE ended_at IS NULL;
  `,
};
