import type { Migration } from "../../../../storage/database.ts";

/** What decides where a message that arrives is put, and what is remembered of it. */
export const delivery: Migration = {
  name: "aliases, rules, verdicts, replies of whoever is away, hand-over to a local server",
  sql: `
    -- name: what stands before the @, lower case. The address is for every member of it.
    CREATE TABLE alias_members (
      name TEXT NOT NULL,
      member INTEGER NOT NULL,
      PRIMARY KEY (name, member)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX alias_members_by_member ON alias_members (member);

    -- A member's rules in their order, each as JSON.
    CREATE TABLE rules (
      account INTEGER NOT NULL REFERENCES accounts,
      position INTEGER NOT NULL,
      rule TEXT NOT NULL,
      PRIMARY KEY (account, position)
    ) STRICT, WITHOUT ROWID;

    -- How an email came: its envelope, and what was found of its sender, in the words of RFC 8601.
    CREATE TABLE verdicts (
      email INTEGER PRIMARY KEY REFERENCES emails ON DELETE CASCADE,
      mail_from TEXT NOT NULL,
      recipient TEXT NOT NULL,
      is_spam INTEGER NOT NULL,
      results TEXT NOT NULL
    ) STRICT;

    -- Senders whom a member has moved out of the spam, or into it. address: lower case.
    CREATE TABLE judged_senders (
      account INTEGER NOT NULL REFERENCES accounts,
      address TEXT NOT NULL,
      is_spam INTEGER NOT NULL,
      PRIMARY KEY (account, address)
    ) STRICT, WITHOUT ROWID;

    -- When somebody was told last that a member is away (RFC 3834 §2). Unix ms.
    CREATE TABLE vacation_replies (
      account INTEGER NOT NULL REFERENCES accounts,
      address TEXT NOT NULL,
      replied_at INTEGER NOT NULL,
      PRIMARY KEY (account, address)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX vacation_replies_by_time ON vacation_replies (replied_at);

    -- What has yet to be handed to the local server by LMTP; a row is deleted once that has taken it.
    CREATE TABLE hand_overs (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL REFERENCES accounts,
      hash TEXT NOT NULL REFERENCES mail_blobs,
      size INTEGER NOT NULL,
      mail_from TEXT NOT NULL,
      recipient TEXT NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0,
      due_at INTEGER NOT NULL,
      error TEXT
    ) STRICT;
    CREATE INDEX hand_overs_due ON hand_overs (due_at, id);
    CREATE TRIGGER hand_over_kept AFTER INSERT ON hand_overs BEGIN
      UPDATE mail_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
    END;
    CREATE TRIGGER hand_over_done AFTER DELETE ON hand_overs BEGIN
      UPDATE mail_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
    END;

    -- How far the members' list of changes is followed.
    CREATE TABLE followed (id INTEGER PRIMARY KEY CHECK (id = 1), member_change INTEGER NOT NULL) STRICT;
    INSERT INTO followed VALUES (1, 0);
  `,
};
