import type { Database } from "../../../../storage/database.ts";
import type { EmailFields } from "../../mailbox/email-fields.ts";
import type { EmailAddress } from "../../message/header-forms.ts";

/** A place in a list by date, the newest first: what lies behind it is on the next page. */
export interface Cursor {
  /** Unix ms. */
  readonly time: number;
  readonly email: number;
}

/** One line of a list: a thread in its mailbox, or one message that a search has found. */
export interface ListedThread {
  readonly thread: number;
  /** Its newest email in this list. */
  readonly email: number;
  readonly receivedAt: number;
  readonly subject: string | null;
  readonly preview: string;
  readonly from: readonly EmailAddress[];
  readonly to: readonly EmailAddress[];
  /** Those who wrote last, the newest last, each once. */
  readonly senders: readonly EmailAddress[];
  readonly count: number;
  readonly isUnread: boolean;
  readonly isFlagged: boolean;
  readonly isDraft: boolean;
  readonly hasAttachment: boolean;
}

export interface ListPage {
  readonly rows: readonly ListedThread[];
  /** Where the next page begins; undefined: there is none. */
  readonly next: Cursor | undefined;
}

export interface ThreadLists {
  /** Threads of a mailbox by their newest email in it. */
  inMailbox(mailbox: number, before: Cursor | undefined): ListPage;
  /** A line for each of these emails, in their order. */
  ofEmails(emails: readonly number[]): ListedThread[];
  /** Emails of a thread, the newest first, at most `most` that are older than `before`. */
  emailsOf(account: number, thread: number, before: Cursor | undefined, most: number): number[];
}

export const pageSize = 50;
/** Emails of a thread that its line tells of. */
const mostTold = 12;

export function parseCursor(text: string | undefined): Cursor | undefined {
  const [, time, email] = /^(-?\d{1,16})\.(\d{1,15})$/.exec(text ?? "") ?? [];
  return time === undefined ? undefined : { time: Number(time), email: Number(email) };
}

export const formatCursor = ({ time, email }: Cursor): string => `${time}.${email}`;

interface Newest {
  readonly thread: number;
  readonly email: number;
  readonly time: number;
  /** Emails of the thread that are unread in the mailbox. */
  readonly unread: number;
}

interface Told {
  readonly id: number;
  readonly thread: number;
  readonly receivedAt: number;
  readonly fields: string;
  readonly preview: string;
  readonly hasAttachment: number;
  readonly unread: number;
  readonly flagged: number;
  readonly draft: number;
}

/** After all emails: where a list begins. */
const top: Cursor = { time: Number.MAX_SAFE_INTEGER, email: Number.MAX_SAFE_INTEGER };

export function createThreadLists(database: Database): ThreadLists {
  const selectThreads = database.prepare<Newest>(
    `SELECT thread, newest AS email, newest_at AS time, unread FROM thread_mailboxes
     WHERE mailbox = ? AND (newest_at, newest) < (?, ?) ORDER BY newest_at DESC, newest DESC LIMIT ?`,
  );
  const columns = `id, thread, received_at AS receivedAt, fields, preview, has_attachment AS hasAttachment, unread,
    EXISTS (SELECT 1 FROM email_keywords k WHERE k.email = e.id AND k.keyword = '$flagged') AS flagged,
    EXISTS (SELECT 1 FROM email_keywords k WHERE k.email = e.id AND k.keyword = '$draft') AS draft`;
  const selectTold = database.prepare<Told>(
    `SELECT ${columns} FROM emails e WHERE thread = ? ORDER BY received_at DESC, id DESC LIMIT ${mostTold}`,
  );
  const selectOne = database.prepare<Told>(`SELECT ${columns} FROM emails e WHERE id = ?`);
  const countAll = database.prepare<{ n: number }>("SELECT count(*) AS n FROM emails WHERE thread = ?");
  const selectEmails = database.prepare<{ id: number }>(
    `SELECT id FROM emails WHERE thread = ? AND account = ? AND (received_at, id) < (?, ?)
     ORDER BY received_at DESC, id DESC LIMIT ?`,
  );

  function describeThread({ thread, email, unread }: Newest): ListedThread[] {
    const told = selectTold.all(thread);
    const newest = told.find(({ id }) => id === email) ?? selectOne.get(email);
    if (!newest) return [];
    const total = told.length < mostTold ? told.length : (countAll.get(thread)?.n ?? told.length);
    return [{ ...describe(newest, told, total), isUnread: unread > 0 }];
  }

  return {
    inMailbox(mailbox, before = top) {
      const found = selectThreads.all(mailbox, before.time, before.email, pageSize + 1);
      const shown = found.slice(0, pageSize);
      const last = shown.at(-1);
      return {
        rows: shown.flatMap((newest) => describeThread(newest)),
        next: found.length > pageSize && last ? { time: last.time, email: last.email } : undefined,
      };
    },
    ofEmails: (emails) =>
      emails.flatMap((email) => {
        const told = selectOne.get(email);
        return told ? [describe(told, [told], 1)] : [];
      }),
    emailsOf: (account, thread, before = top, most) =>
      selectEmails.all(thread, account, before.time, before.email, most).map(({ id }) => id),
  };
}

/** `told`: the emails of the line, the newest first. */
function describe(newest: Told, told: readonly Told[], count: number): ListedThread {
  const fields = JSON.parse(newest.fields) as EmailFields;
  const senders = new Map<string, EmailAddress>();
  for (const { fields: text } of told.toReversed()) {
    for (const sender of (JSON.parse(text) as EmailFields).from ?? []) {
      const key = sender.email.toLowerCase();
      senders.delete(key);
      senders.set(key, sender);
    }
  }
  return {
    thread: newest.thread,
    email: newest.id,
    receivedAt: newest.receivedAt,
    subject: fields.subject,
    preview: newest.preview,
    from: fields.from ?? [],
    to: [...(fields.to ?? []), ...(fields.cc ?? []), ...(fields.bcc ?? [])],
    senders: [...senders.values()],
    count,
    isUnread: told.some(({ unread }) => unread === 1),
    isFlagged: told.some(({ flagged }) => flagged === 1),
    isDraft: told.some(({ draft }) => draft === 1),
    hasAttachment: told.some(({ hasAttachment }) => hasAttachment === 1),
  };
}
