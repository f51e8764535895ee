import type { Migration } from "../../../../storage/database.ts";

/** What was fetched from the bucket: each object once, whatever happens in between. */
export const arrivals: Migration = {
  name: "arrivals",
  sql: `
    -- object: its key in the bucket, by which a repeat is recognised; the row outlives its removal there by some days.
    -- hash: of the raw bytes, until they are delivered. due_at: Unix ms of the next try. removed_at: since when the
    -- bucket is known not to have it. settled_at: when it was delivered or put into quarantine.
    CREATE TABLE arrivals (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      object TEXT NOT NULL UNIQUE,
      hash TEXT REFERENCES mail_blobs,
      size INTEGER NOT NULL,
      mail_from TEXT NOT NULL,
      recipient TEXT NOT NULL,
      received_at INTEGER NOT NULL,
      results TEXT NOT NULL,
      state TEXT NOT NULL DEFAULT 'landed' CHECK (state IN ('landed', 'delivered', 'quarantined')),
      attempts INTEGER NOT NULL DEFAULT 0,
      due_at INTEGER NOT NULL DEFAULT 0,
      error TEXT NOT NULL DEFAULT '',
      removed_at INTEGER,
      settled_at INTEGER
    ) STRICT;
    CREATE INDEX arrivals_due ON arrivals (due_at, id) WHERE state = 'landed';
    CREATE INDEX arrivals_quarantined ON arrivals (id) WHERE state = 'quarantined';
    CREATE INDEX arrivals_settled ON arrivals (settled_at) WHERE state = 'delivered';
    CREATE INDEX arrivals_in_bucket ON arrivals (id) WHERE removed_at IS NULL;
    CREATE TRIGGER arrival_landed AFTER INSERT ON arrivals WHEN NEW.hash IS NOT NULL BEGIN
      UPDATE mail_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
    END;
    CREATE TRIGGER arrival_settled AFTER UPDATE OF hash ON arrivals
      WHEN OLD.hash IS NOT NULL AND NEW.hash IS NULL BEGIN
      UPDATE mail_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
    END;
    CREATE TRIGGER arrival_forgotten AFTER DELETE ON arrivals WHEN OLD.hash IS NOT NULL BEGIN
      UPDATE mail_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
    END;
  `,
};
