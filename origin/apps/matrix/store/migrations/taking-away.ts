import type { Migration } from "../../../../storage/database.ts";

/** By what rooms that are deleted, and members who are erased, are found everywhere. */
export const takingAway: Migration = {
  name: "media by holder, subscriptions by room",
  sql: `
    CREATE INDEX media_by_holder ON media (holder);
    DROP INDEX thread_subscriptions_by_thread;
    CREATE INDEX thread_subscriptions_by_thread ON thread_subscriptions (room, root);
  `,
};
