import type { Migration } from "../../../../storage/database.ts";

/**
 * Media and what they need of the blob store. Counts and sums are kept by triggers: whoever inserts or deletes a row,
 * wherever, cannot forget them.
 */
export const media: Migration = {
  name: "media, thumbnails, resumable uploads",
  sql: `
    -- Every blob that media ever put into the store, noted before its file had its name. refs = 0: to be deleted.
    CREATE TABLE media_blobs (
      hash TEXT PRIMARY KEY,
      size INTEGER NOT NULL,
      refs INTEGER NOT NULL DEFAULT 0 CHECK (refs >= 0)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX media_blobs_unneeded ON media_blobs (hash) WHERE refs = 0;

    -- Bytes by holder: a user id, 'previews' or 'thumbnails'.
    CREATE TABLE media_usage (holder TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;

    -- hash is null until the content of a media id that was created for later has come; expires_at is its last moment,
    -- or that of a preview's picture. used_on is a day, counted from 1970.
    CREATE TABLE media (
      id TEXT PRIMARY KEY,
      holder TEXT NOT NULL,
      hash TEXT REFERENCES media_blobs,
      size INTEGER NOT NULL,
      type TEXT NOT NULL,
      shown INTEGER NOT NULL,
      name TEXT,
      created_at INTEGER NOT NULL,
      used_on INTEGER NOT NULL,
      expires_at INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX media_by_hash ON media (hash) WHERE hash IS NOT NULL;
    CREATE INDEX media_awaited ON media (holder, expires_at) WHERE hash IS NULL;
    CREATE INDEX media_by_expiry ON media (expires_at) WHERE expires_at IS NOT NULL;
    CREATE INDEX media_by_use ON media (used_on) WHERE hash IS NOT NULL AND expires_at IS NULL;

    CREATE TABLE media_thumbnails (
      source TEXT NOT NULL,
      variant TEXT NOT NULL,
      hash TEXT NOT NULL REFERENCES media_blobs,
      size INTEGER NOT NULL,
      type TEXT NOT NULL,
      used_on INTEGER NOT NULL,
      PRIMARY KEY (source, variant)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX media_thumbnails_by_hash ON media_thumbnails (hash);
    CREATE INDEX media_thumbnails_by_use ON media_thumbnails (used_on);

    -- The content so far is the file uploads/<id>; once it is complete, hash says what it became and media its id.
    CREATE TABLE media_resumable (
      id TEXT PRIMARY KEY,
      holder TEXT NOT NULL,
      length INTEGER NOT NULL,
      type TEXT NOT NULL,
      name TEXT,
      expires_at INTEGER NOT NULL,
      hash TEXT REFERENCES media_blobs,
      media TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX media_resumable_by_holder ON media_resumable (holder) WHERE media IS NULL;
    CREATE INDEX media_resumable_by_expiry ON media_resumable (expires_at);
    CREATE INDEX media_resumable_by_hash ON media_resumable (hash) WHERE hash IS NOT NULL;

    CREATE TABLE url_previews (
      url TEXT PRIMARY KEY,
      answer TEXT NOT NULL,
      expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX url_previews_by_expiry ON url_previews (expires_at);

    -- Set by a restore: the folder may hold blobs that are younger than the tables.
    CREATE TABLE media_search (wanted INTEGER NOT NULL CHECK (wanted IN (0, 1))) STRICT;
    INSERT INTO media_search VALUES (0);

    CREATE TRIGGER media_kept AFTER INSERT ON media WHEN NEW.hash IS NOT NULL BEGIN
      UPDATE media_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
      INSERT INTO media_usage VALUES (NEW.holder, NEW.size)
        ON CONFLICT (holder) DO UPDATE SET bytes = bytes + excluded.bytes;
    END;
    CREATE TRIGGER media_arrived AFTER UPDATE OF hash ON media WHEN OLD.hash IS NULL AND NEW.hash IS NOT NULL BEGIN
      UPDATE media_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
      INSERT INTO media_usage VALUES (NEW.holder, NEW.size)
        ON CONFLICT (holder) DO UPDATE SET bytes = bytes + excluded.bytes;
    END;
    CREATE TRIGGER media_removed AFTER DELETE ON media WHEN OLD.hash IS NOT NULL BEGIN
      UPDATE media_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
      UPDATE media_usage SET bytes = bytes - OLD.size WHERE holder = OLD.holder;
    END;
    CREATE TRIGGER media_thumbnail_kept AFTER INSERT ON media_thumbnails BEGIN
      UPDATE media_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
      INSERT INTO media_usage VALUES ('thumbnails', NEW.size)
        ON CONFLICT (holder) DO UPDATE SET bytes = bytes + excluded.bytes;
    END;
    CREATE TRIGGER media_thumbnail_removed AFTER DELETE ON media_thumbnails BEGIN
      UPDATE media_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
      UPDATE media_usage SET bytes = bytes - OLD.size WHERE holder = 'thumbnails';
    END;
    CREATE TRIGGER media_resumable_complete AFTER UPDATE OF hash ON media_resumable
      WHEN OLD.hash IS NULL AND NEW.hash IS NOT NULL BEGIN
      UPDATE media_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
    END;
    CREATE TRIGGER media_resumable_removed AFTER DELETE ON media_resumable WHEN OLD.hash IS NOT NULL BEGIN
      UPDATE media_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
    END;
  `,
};
