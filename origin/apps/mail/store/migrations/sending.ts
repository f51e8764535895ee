import type { Migration } from "../../../../storage/database.ts";

/** Who writes as whom, what is on its way out, replies of whoever is away, and what programs are told of changes. */
export const sending: Migration = {
  name: "identities, submissions, vacations, push subscriptions",
  sql: `
    CREATE TABLE identities (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL REFERENCES accounts,
      name TEXT NOT NULL,
      email TEXT NOT NULL,
      reply_to TEXT,
      bcc TEXT,
      text_signature TEXT NOT NULL,
      html_signature TEXT NOT NULL,
      created_seq INTEGER NOT NULL,
      changed_seq INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX identities_by_account ON identities (account, changed_seq);

    -- hash: what is sent, whatever becomes of the email meanwhile. undo: pending, final or canceled.
    CREATE TABLE submissions (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL REFERENCES accounts,
      identity INTEGER NOT NULL,
      email INTEGER NOT NULL,
      thread INTEGER NOT NULL,
      hash TEXT REFERENCES mail_blobs,
      size INTEGER NOT NULL,
      mail_from TEXT NOT NULL,
      send_at INTEGER NOT NULL,
      undo TEXT NOT NULL CHECK (undo IN ('pending', 'final', 'canceled')),
      created_seq INTEGER NOT NULL,
      changed_seq INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX submissions_by_account ON submissions (account, changed_seq);
    CREATE INDEX submissions_by_email ON submissions (email);
    -- One row for each recipient. state: queued, sending, sent, failed, canceled. due_at: Unix ms of the next try.
    CREATE TABLE recipients (
      submission INTEGER NOT NULL REFERENCES submissions,
      position INTEGER NOT NULL,
      address TEXT NOT NULL,
      parameters TEXT,
      state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'canceled')),
      attempts INTEGER NOT NULL DEFAULT 0,
      due_at INTEGER NOT NULL,
      reply TEXT NOT NULL,
      PRIMARY KEY (submission, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX recipients_due ON recipients (due_at, submission) WHERE state IN ('queued', 'sending');
    CREATE TRIGGER submission_kept AFTER INSERT ON submissions WHEN NEW.hash IS NOT NULL BEGIN
      UPDATE mail_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
    END;
    CREATE TRIGGER submission_done AFTER UPDATE OF hash ON submissions
      WHEN OLD.hash IS NOT NULL AND NEW.hash IS NULL BEGIN
      UPDATE mail_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
    END;
    CREATE TRIGGER submission_removed AFTER DELETE ON submissions WHEN OLD.hash IS NOT NULL BEGIN
      UPDATE mail_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
    END;

    CREATE TABLE vacations (
      account INTEGER PRIMARY KEY REFERENCES accounts,
      enabled INTEGER NOT NULL,
      from_date INTEGER,
      to_date INTEGER,
      subject TEXT,
      text_body TEXT,
      html_body TEXT
    ) STRICT;

    -- code: what the program must say back before anything is pushed; verified once it has.
    CREATE TABLE push_subscriptions (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL,
      device TEXT NOT NULL,
      url TEXT NOT NULL,
      keys TEXT,
      code TEXT NOT NULL,
      verified INTEGER NOT NULL DEFAULT 0,
      expires_at INTEGER NOT NULL,
      types TEXT
    ) STRICT;
    CREATE INDEX push_subscriptions_by_account ON push_subscriptions (account);
  `,
};
