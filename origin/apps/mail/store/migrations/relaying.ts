import type { Migration } from "../../../../storage/database.ts";

/** What the queue needs to send what is submitted, and what is sent by itself. */
export const relaying: Migration = {
  name: "what is sent: prepared submissions, automatic replies, recipients a day",
  sql: `
    -- prepared: hash is what goes out (without Bcc, signed), not what was submitted. eight_bit: it has octets above 127.
    -- delay_told: the sender knows that it waits. dsns: hashes of the reports about it, as JSON.
    ALTER TABLE submissions ADD COLUMN prepared INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE submissions ADD COLUMN eight_bit INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE submissions ADD COLUMN delay_told INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE submissions ADD COLUMN dsns TEXT NOT NULL DEFAULT '[]';
    CREATE TRIGGER submission_prepared AFTER UPDATE OF hash ON submissions
      WHEN OLD.hash IS NOT NULL AND NEW.hash IS NOT NULL AND OLD.hash <> NEW.hash BEGIN
      UPDATE mail_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
      UPDATE mail_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
    END;

    -- Sent by itself, for nobody's account: a reply of somebody who is away. Gone once it is sent or given up.
    CREATE TABLE automatic (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      hash TEXT NOT NULL REFERENCES mail_blobs,
      size INTEGER NOT NULL,
      mail_from TEXT NOT NULL,
      address TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('queued', 'sending')),
      attempts INTEGER NOT NULL DEFAULT 0,
      made_at INTEGER NOT NULL,
      due_at INTEGER NOT NULL,
      reply TEXT NOT NULL,
      prepared INTEGER NOT NULL DEFAULT 0,
      eight_bit INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX automatic_due ON automatic (due_at);
    CREATE TRIGGER automatic_kept AFTER INSERT ON automatic BEGIN
      UPDATE mail_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
    END;
    CREATE TRIGGER automatic_prepared AFTER UPDATE OF hash ON automatic WHEN OLD.hash <> NEW.hash BEGIN
      UPDATE mail_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
      UPDATE mail_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
    END;
    CREATE TRIGGER automatic_removed AFTER DELETE ON automatic BEGIN
      UPDATE mail_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
    END;

    -- To how many an account has written, by submission: it outlives the submission, whose owner may destroy it.
    CREATE TABLE written (
      submission INTEGER PRIMARY KEY,
      account INTEGER NOT NULL,
      written_at INTEGER NOT NULL,
      recipients INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX written_by_account ON written (account, written_at);
    INSERT INTO written SELECT s.id, s.account, s.send_at, count(*)
      FROM submissions s JOIN recipients r ON r.submission = s.id WHERE r.state <> 'canceled' GROUP BY s.id;
  `,
};
