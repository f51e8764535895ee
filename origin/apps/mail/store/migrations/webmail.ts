import type { Migration } from "../../../../storage/database.ts";

/**
 * What the webmail shows and takes back. A list of threads is read off an index, however deep its page: each thread of
 * a mailbox bears its newest email there, kept by the triggers that count.
 */
export const webmail: Migration = {
  name: "the newest email of each thread of a mailbox, acts that can be undone",
  sql: `
    ALTER TABLE thread_mailboxes ADD COLUMN newest_at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE thread_mailboxes ADD COLUMN newest INTEGER NOT NULL DEFAULT 0;
    UPDATE thread_mailboxes SET newest_at = n.received_at, newest = n.email FROM (
      SELECT mailbox, thread, received_at, email,
        row_number() OVER (PARTITION BY mailbox, thread ORDER BY received_at DESC, email DESC) AS place
      FROM email_mailboxes
    ) AS n
    WHERE n.place = 1 AND n.mailbox = thread_mailboxes.mailbox AND n.thread = thread_mailboxes.thread;
    CREATE INDEX thread_mailboxes_by_date ON thread_mailboxes (mailbox, newest_at, newest, thread, unread);

    DROP TRIGGER email_filed;
    CREATE TRIGGER email_filed AFTER INSERT ON email_mailboxes BEGIN
      INSERT INTO thread_mailboxes (thread, mailbox, emails, unread, newest_at, newest)
        VALUES (NEW.thread, NEW.mailbox, 1, NEW.unread, NEW.received_at, NEW.email)
        ON CONFLICT DO UPDATE SET emails = emails + 1, unread = unread + excluded.unread,
          newest_at = max(newest_at, excluded.newest_at),
          newest = iif((excluded.newest_at, excluded.newest) > (newest_at, newest), excluded.newest, newest);
      UPDATE mailboxes SET emails = emails + 1, unread_emails = unread_emails + NEW.unread,
        counted_seq = (SELECT seq FROM accounts WHERE id = account) WHERE id = NEW.mailbox;
    END;
    DROP TRIGGER email_unfiled;
    CREATE TRIGGER email_unfiled AFTER DELETE ON email_mailboxes BEGIN
      UPDATE thread_mailboxes SET emails = emails - 1, unread = unread - OLD.unread
        WHERE mailbox = OLD.mailbox AND thread = OLD.thread;
      UPDATE thread_mailboxes SET (newest_at, newest) = (
          SELECT e.received_at, e.id FROM emails e
          JOIN email_mailboxes f ON f.email = e.id AND f.mailbox = OLD.mailbox
          WHERE e.thread = OLD.thread ORDER BY e.received_at DESC, e.id DESC LIMIT 1)
        WHERE mailbox = OLD.mailbox AND thread = OLD.thread AND newest = OLD.email;
      UPDATE mailboxes SET emails = emails - 1, unread_emails = unread_emails - OLD.unread,
        counted_seq = (SELECT seq FROM accounts WHERE id = account) WHERE id = OLD.mailbox;
    END;

    -- reversal: what takes the act back, as JSON. form: of the one that sent a message, so that it sends one only.
    CREATE TABLE webmail_acts (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL REFERENCES accounts,
      done_at INTEGER NOT NULL,
      words TEXT NOT NULL,
      reversal TEXT NOT NULL,
      form TEXT
    ) STRICT;
    CREATE INDEX webmail_acts_by_time ON webmail_acts (done_at);
    CREATE INDEX webmail_acts_by_form ON webmail_acts (form) WHERE form IS NOT NULL;
  `,
};
