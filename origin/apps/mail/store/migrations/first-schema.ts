import type { Migration } from "../../../../storage/database.ts";

/**
 * Mailboxes and what lies in them. Counts are kept by triggers: whoever moves, reads or removes a message, wherever,
 * cannot forget them. Every change of an account bears a `seq` from the account's own sequence; a JMAP state is one.
 */
export const firstSchema: Migration = {
  name: "accounts, mailboxes, threads, emails, messages",
  sql: `
    -- Every blob of mail, noted before its file had its name. refs = 0: to be deleted.
    CREATE TABLE mail_blobs (
      hash TEXT PRIMARY KEY,
      size INTEGER NOT NULL,
      refs INTEGER NOT NULL DEFAULT 0 CHECK (refs >= 0)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX mail_blobs_unneeded ON mail_blobs (hash) WHERE refs = 0;
    -- Set by a restore: the folder may hold blobs that are younger than the tables.
    CREATE TABLE mail_blob_search (wanted INTEGER NOT NULL CHECK (wanted IN (0, 1))) STRICT;
    INSERT INTO mail_blob_search VALUES (0);

    -- id is the member's. bytes: of the raw messages that lie in the mailboxes.
    CREATE TABLE accounts (
      id INTEGER PRIMARY KEY,
      seq INTEGER NOT NULL DEFAULT 1,
      bytes INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    -- The newest seq of each kind of object; none yet: 1.
    CREATE TABLE states (
      account INTEGER NOT NULL REFERENCES accounts,
      type TEXT NOT NULL,
      seq INTEGER NOT NULL,
      PRIMARY KEY (account, type)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE destroyed (
      account INTEGER NOT NULL REFERENCES accounts,
      type TEXT NOT NULL,
      seq INTEGER NOT NULL,
      id INTEGER NOT NULL,
      created_seq INTEGER NOT NULL,
      PRIMARY KEY (account, type, seq, id)
    ) STRICT, WITHOUT ROWID;

    -- counted_seq: when its counts changed last, and nothing else of it.
    CREATE TABLE mailboxes (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL REFERENCES accounts,
      parent INTEGER REFERENCES mailboxes,
      name TEXT NOT NULL,
      role TEXT,
      sort_order INTEGER NOT NULL,
      subscribed INTEGER NOT NULL DEFAULT 1,
      emails INTEGER NOT NULL DEFAULT 0,
      unread_emails INTEGER NOT NULL DEFAULT 0,
      threads INTEGER NOT NULL DEFAULT 0,
      unread_threads INTEGER NOT NULL DEFAULT 0,
      created_seq INTEGER NOT NULL,
      changed_seq INTEGER NOT NULL,
      counted_seq INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX mailboxes_by_name ON mailboxes (account, coalesce(parent, 0), name);
    CREATE UNIQUE INDEX mailboxes_by_role ON mailboxes (account, role) WHERE role IS NOT NULL;
    CREATE INDEX mailboxes_by_parent ON mailboxes (parent) WHERE parent IS NOT NULL;

    CREATE TABLE threads (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL REFERENCES accounts,
      created_seq INTEGER NOT NULL,
      changed_seq INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX threads_by_change ON threads (account, changed_seq);
    -- Which thread a message belongs to that names this message id under this subject; key is a digest of the two.
    CREATE TABLE thread_links (
      account INTEGER NOT NULL,
      key BLOB NOT NULL,
      thread INTEGER NOT NULL REFERENCES threads,
      PRIMARY KEY (account, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX thread_links_by_thread ON thread_links (thread);

    -- What was read of the raw bytes: body is the tree of parts, texts the decoded text parts, both JSON. One row for
    -- however many members have the same message.
    CREATE TABLE messages (
      hash TEXT PRIMARY KEY REFERENCES mail_blobs,
      body TEXT NOT NULL,
      texts TEXT NOT NULL
    ) STRICT;

    -- fields: the header fields that lists show, as JSON. unread: neither $seen nor $draft. sort_*: folded.
    CREATE TABLE emails (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL REFERENCES accounts,
      thread INTEGER NOT NULL REFERENCES threads,
      hash TEXT NOT NULL REFERENCES messages,
      size INTEGER NOT NULL,
      received_at INTEGER NOT NULL,
      sent_at INTEGER NOT NULL,
      sort_subject TEXT NOT NULL,
      sort_from TEXT NOT NULL,
      sort_to TEXT NOT NULL,
      fields TEXT NOT NULL,
      preview TEXT NOT NULL,
      has_attachment INTEGER NOT NULL,
      unread INTEGER NOT NULL,
      created_seq INTEGER NOT NULL,
      changed_seq INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX emails_by_change ON emails (account, changed_seq);
    CREATE INDEX emails_by_date ON emails (account, received_at, id);
    CREATE INDEX emails_by_thread ON emails (thread, received_at, id);
    CREATE INDEX emails_by_hash ON emails (hash);

    CREATE TABLE email_keywords (
      email INTEGER NOT NULL REFERENCES emails,
      keyword TEXT NOT NULL,
      PRIMARY KEY (email, keyword)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX email_keywords_by_name ON email_keywords (keyword, email);

    -- thread, received_at and unread are the email's, so that a list of a mailbox is one look into an index.
    CREATE TABLE email_mailboxes (
      email INTEGER NOT NULL REFERENCES emails,
      mailbox INTEGER NOT NULL REFERENCES mailboxes,
      thread INTEGER NOT NULL,
      received_at INTEGER NOT NULL,
      unread INTEGER NOT NULL,
      PRIMARY KEY (email, mailbox)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX email_mailboxes_by_date ON email_mailboxes (mailbox, received_at, email, thread, unread);
    CREATE TABLE thread_mailboxes (
      thread INTEGER NOT NULL,
      mailbox INTEGER NOT NULL,
      emails INTEGER NOT NULL,
      unread INTEGER NOT NULL,
      PRIMARY KEY (mailbox, thread)
    ) STRICT, WITHOUT ROWID;

    CREATE VIRTUAL TABLE email_text USING fts5(
      subject, sender, recipients, cc, bcc, body,
      content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
    );

    -- Blobs that a client has uploaded, or that were made for it, until an email needs them or their time is over.
    CREATE TABLE uploads (
      account INTEGER NOT NULL REFERENCES accounts,
      hash TEXT NOT NULL REFERENCES mail_blobs,
      size INTEGER NOT NULL,
      type TEXT NOT NULL,
      expires_at INTEGER NOT NULL,
      PRIMARY KEY (account, hash)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX uploads_by_hash ON uploads (hash);
    CREATE INDEX uploads_by_expiry ON uploads (expires_at);

    CREATE TRIGGER message_kept AFTER INSERT ON messages BEGIN
      UPDATE mail_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
    END;
    CREATE TRIGGER message_removed AFTER DELETE ON messages BEGIN
      UPDATE mail_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
    END;
    CREATE TRIGGER upload_kept AFTER INSERT ON uploads BEGIN
      UPDATE mail_blobs SET refs = refs + 1 WHERE hash = NEW.hash;
    END;
    CREATE TRIGGER upload_removed AFTER DELETE ON uploads BEGIN
      UPDATE mail_blobs SET refs = refs - 1 WHERE hash = OLD.hash;
    END;

    CREATE TRIGGER email_kept AFTER INSERT ON emails BEGIN
      UPDATE accounts SET bytes = bytes + NEW.size WHERE id = NEW.account;
    END;
    CREATE TRIGGER email_removed AFTER DELETE ON emails BEGIN
      UPDATE accounts SET bytes = bytes - OLD.size WHERE id = OLD.account;
      DELETE FROM email_text WHERE rowid = OLD.id;
      DELETE FROM messages WHERE hash = OLD.hash AND NOT EXISTS (SELECT 1 FROM emails WHERE hash = OLD.hash);
      DELETE FROM thread_links WHERE thread = OLD.thread
        AND NOT EXISTS (SELECT 1 FROM emails WHERE thread = OLD.thread);
    END;
    CREATE TRIGGER email_read AFTER UPDATE OF unread ON emails WHEN OLD.unread <> NEW.unread BEGIN
      UPDATE email_mailboxes SET unread = NEW.unread WHERE email = NEW.id;
    END;

    CREATE TRIGGER email_filed AFTER INSERT ON email_mailboxes BEGIN
      INSERT INTO thread_mailboxes (thread, mailbox, emails, unread)
        VALUES (NEW.thread, NEW.mailbox, 1, NEW.unread)
        ON CONFLICT DO UPDATE SET emails = emails + 1, unread = unread + excluded.unread;
      UPDATE mailboxes SET emails = emails + 1, unread_emails = unread_emails + NEW.unread,
        counted_seq = (SELECT seq FROM accounts WHERE id = account) WHERE id = NEW.mailbox;
    END;
    CREATE TRIGGER email_unfiled AFTER DELETE ON email_mailboxes BEGIN
      UPDATE thread_mailboxes SET emails = emails - 1, unread = unread - OLD.unread
        WHERE mailbox = OLD.mailbox AND thread = OLD.thread;
      UPDATE mailboxes SET emails = emails - 1, unread_emails = unread_emails - OLD.unread,
        counted_seq = (SELECT seq FROM accounts WHERE id = account) WHERE id = OLD.mailbox;
    END;
    CREATE TRIGGER filed_email_read AFTER UPDATE OF unread ON email_mailboxes WHEN OLD.unread <> NEW.unread BEGIN
      UPDATE thread_mailboxes SET unread = unread + NEW.unread - OLD.unread
        WHERE mailbox = NEW.mailbox AND thread = NEW.thread;
      UPDATE mailboxes SET unread_emails = unread_emails + NEW.unread - OLD.unread,
        counted_seq = (SELECT seq FROM accounts WHERE id = account) WHERE id = NEW.mailbox;
    END;
    CREATE TRIGGER thread_filed AFTER INSERT ON thread_mailboxes BEGIN
      UPDATE mailboxes SET threads = threads + 1, unread_threads = unread_threads + (NEW.unread > 0)
        WHERE id = NEW.mailbox;
    END;
    CREATE TRIGGER filed_thread_read AFTER UPDATE OF unread ON thread_mailboxes
      WHEN (OLD.unread > 0) <> (NEW.unread > 0) BEGIN
      UPDATE mailboxes SET unread_threads = unread_threads + (NEW.unread > 0) - (OLD.unread > 0)
        WHERE id = NEW.mailbox;
    END;
    CREATE TRIGGER filed_thread_empty AFTER UPDATE OF emails ON thread_mailboxes WHEN NEW.emails = 0 BEGIN
      DELETE FROM thread_mailboxes WHERE mailbox = NEW.mailbox AND thread = NEW.thread;
    END;
    CREATE TRIGGER thread_unfiled AFTER DELETE ON thread_mailboxes BEGIN
      UPDATE mailboxes SET threads = threads - 1 WHERE id = OLD.mailbox;
    END;
  `,
};
