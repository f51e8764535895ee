import type { Database } from "../../../storage/database.ts";
import type { SqlValue } from "../../../storage/driver.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Message } from "../message/message.ts";
import type { Changes } from "./changes.ts";
import { type EmailFields, indexedTextOf, sortKeysOf } from "./email-fields.ts";
import { createTextIndex } from "./text-index.ts";
import type { ThreadStore } from "./thread-store.ts";

/** A message that is to lie in an account, its raw bytes already noted in `mail_blobs`. */
export interface NewEmail {
  readonly account: number;
  readonly blob: { readonly hash: string; readonly size: number };
  readonly message: Message;
  /** At least one. */
  readonly mailboxes: readonly number[];
  /** Lower case. */
  readonly keywords: readonly string[];
  /** Unix ms. */
  readonly receivedAt: number;
}

export interface EmailRow {
  readonly id: number;
  readonly account: number;
  readonly thread: number;
  readonly hash: string;
  readonly size: number;
  readonly receivedAt: number;
  readonly sentAt: number;
  /** JSON of `EmailFields`. */
  readonly fields: string;
  readonly preview: string;
  readonly hasAttachment: number;
  readonly unread: number;
  readonly createdSeq: number;
  readonly changedSeq: number;
}

/** An email that came or changed. */
export interface ChangedEmail {
  readonly id: number;
  readonly createdSeq: number;
  readonly changedSeq: number;
}

/** A SELECT of `id` and `thread`, put together of fixed parts: what clients give is a parameter. */
export interface EmailQuery {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** The rows of emails: every way of adding, changing and removing one comes by here. All but the reads inside a write. */
export interface EmailStore {
  add(transaction: Transaction, email: NewEmail): { id: number; thread: number };
  setKeywords(transaction: Transaction, email: EmailRow, keywords: readonly string[]): void;
  setMailboxes(transaction: Transaction, email: EmailRow, mailboxes: readonly number[]): void;
  /** Calls `listener` inside each write that moves an email, before it does. */
  onMove(listener: (email: EmailRow, before: readonly number[], after: readonly number[]) => void): void;
  remove(transaction: Transaction, email: EmailRow): void;
  get(account: number, id: number): EmailRow | undefined;
  keywordsOf(id: number): string[];
  mailboxesOf(id: number): number[];
  /** Every email of a mailbox. */
  idsIn(mailbox: number): number[];
  changedSince(account: number, since: number, limit: number): ChangedEmail[];
  /** Every email of an account with its blob, the newest first. */
  hashesOf(account: number): { id: number; hash: string }[];
  /** The rows of a query, one by one, in the order that it says. To be read at once: nothing is written meanwhile. */
  find<Row>(query: EmailQuery): Iterable<Row>;
  /** How many different values of the column a query's rows have. */
  count(query: EmailQuery, column: "id" | "thread"): number;
  /** Whether more emails, of whomever, than so many are found by a text of the full-text index (text-query.ts). */
  hasMoreMatches(match: string, most: number): boolean;
  /** What was read of the raw bytes of an email. */
  bodyOf(hash: string): Pick<Message, "root" | "texts">;
  /** Bytes of the raw messages of an account. */
  bytesOf(account: number): number;
  /** Bytes of a message's raw form. */
  sizeOf(hash: string): number;
  /** An email of this account with these raw bytes. */
  byBlob(account: number, hash: string): number | undefined;
}

/** RFC 8621 §2: `$seen` and `$draft` are what makes an email not unread. */
const isUnread = (keywords: readonly string[]): boolean =>
  !keywords.includes("$seen") && !keywords.includes("$draft");

export function createEmailStore(database: Database, changes: Changes, threads: ThreadStore): EmailStore {
  const insertMessage = database.prepare(
    "INSERT INTO messages (hash, body, texts) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING",
  );
  const selectMessage = database.prepare<{ body: string; texts: string }>(
    "SELECT body, texts FROM messages WHERE hash = ?",
  );
  const insertEmail = database.prepare(
    `INSERT INTO emails (account, thread, hash, size, received_at, sent_at, sort_subject, sort_from, sort_to, fields,
       preview, has_attachment, unread, created_seq, changed_seq)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14)`,
  );
  const textIndex = createTextIndex(database);
  const insertKeyword = database.prepare("INSERT INTO email_keywords (email, keyword) VALUES (?, ?)");
  const removeKeyword = database.prepare("DELETE FROM email_keywords WHERE email = ? AND keyword = ?");
  const removeKeywords = database.prepare("DELETE FROM email_keywords WHERE email = ?");
  const selectKeywords = database.prepare<{ keyword: string }>(
    "SELECT keyword FROM email_keywords WHERE email = ? ORDER BY keyword",
  );
  const file = database.prepare(
    `INSERT INTO email_mailboxes (email, mailbox, thread, received_at, unread)
     SELECT id, ?, thread, received_at, unread FROM emails WHERE id = ?`,
  );
  const unfile = database.prepare("DELETE FROM email_mailboxes WHERE email = ? AND mailbox = ?");
  const unfileAll = database.prepare("DELETE FROM email_mailboxes WHERE email = ?");
  const selectMailboxes = database.prepare<{ mailbox: number }>(
    "SELECT mailbox FROM email_mailboxes WHERE email = ? ORDER BY mailbox",
  );
  const update = database.prepare("UPDATE emails SET unread = ?, changed_seq = ? WHERE id = ?");
  const removeEmail = database.prepare("DELETE FROM emails WHERE id = ?");
  const columns = `id, account, thread, hash, size, received_at AS receivedAt, sent_at AS sentAt, fields, preview,
    has_attachment AS hasAttachment, unread, created_seq AS createdSeq, changed_seq AS changedSeq`;
  const select = database.prepare<EmailRow>(`SELECT ${columns} FROM emails WHERE id = ? AND account = ?`);
  const selectByBlob = database.prepare<{ id: number }>(
    "SELECT id FROM emails WHERE hash = ? AND account = ? ORDER BY id LIMIT 1",
  );

  const selectHashes = database.prepare<{ id: number; hash: string }>(
    "SELECT id, hash FROM emails WHERE account = ? ORDER BY received_at DESC, id DESC",
  );
  const countMatches = database.prepare<{ n: number }>(
    "SELECT count(*) AS n FROM (SELECT 1 FROM email_text WHERE email_text MATCH ? LIMIT ?)",
  );
  const selectBytes = database.prepare<{ bytes: number }>("SELECT bytes FROM accounts WHERE id = ?");
  const selectSize = database.prepare<{ size: number }>("SELECT size FROM mail_blobs WHERE hash = ?");
  const selectIn = database.prepare<{ email: number }>(
    "SELECT email FROM email_mailboxes WHERE mailbox = ? ORDER BY received_at, email",
  );
  const selectChanged = database.prepare<ChangedEmail>(
    `SELECT id, created_seq AS createdSeq, changed_seq AS changedSeq FROM emails
     WHERE account = ? AND changed_seq > ? ORDER BY changed_seq, id LIMIT ?`,
  );

  const moveListeners: Parameters<EmailStore["onMove"]>[0][] = [];
  const keywordsOf = (id: number): string[] => selectKeywords.all(id).map(({ keyword }) => keyword);
  const mailboxesOf = (id: number): number[] => selectMailboxes.all(id).map(({ mailbox }) => mailbox);

  return {
    add(transaction, { account, blob, message, mailboxes, keywords, receivedAt }) {
      const { root, hasAttachment, texts, preview, fields } = message;
      const seq = changes.next(transaction, account, "Email", "Mailbox");
      const keys = sortKeysOf(fields);
      const thread = threads.find(transaction, account, {
        messageIds: cluesOf(fields),
        baseSubject: keys.subject,
      });

      insertMessage.run(blob.hash, JSON.stringify({ root }), JSON.stringify(texts));
      const id = insertEmail.run(
        account,
        thread,
        blob.hash,
        blob.size,
        receivedAt,
        sentAtOf(fields) ?? receivedAt,
        keys.subject,
        keys.from,
        keys.to,
        JSON.stringify(fields),
        preview,
        Number(hasAttachment),
        Number(isUnread(keywords)),
        seq,
      ).lastInsertRowid;
      textIndex.add(transaction, id, [...indexedTextOf(fields), message.searchText]);
      for (const keyword of new Set(keywords)) insertKeyword.run(id, keyword);
      for (const mailbox of new Set(mailboxes)) file.run(mailbox, id);
      threads.touch(transaction, account, thread);
      return { id, thread };
    },
    setKeywords(transaction, { id, account }, keywords) {
      const before = keywordsOf(id);
      const after = new Set(keywords);
      for (const keyword of before) if (!after.delete(keyword)) removeKeyword.run(id, keyword);
      for (const keyword of after) insertKeyword.run(id, keyword);
      const unread = isUnread(keywords);
      const types = unread === isUnread(before) ? (["Email"] as const) : (["Email", "Mailbox"] as const);
      update.run(Number(unread), changes.next(transaction, account, ...types), id);
    },
    setMailboxes(transaction, email, mailboxes) {
      const { id, account, unread, thread } = email;
      const seq = changes.next(transaction, account, "Email", "Mailbox");
      const before = mailboxesOf(id);
      for (const listener of moveListeners) listener(email, before, mailboxes);
      const after = new Set(mailboxes);
      for (const mailbox of before) if (!after.delete(mailbox)) unfile.run(id, mailbox);
      for (const mailbox of after) file.run(mailbox, id);
      update.run(unread, seq, id);
      threads.touch(transaction, account, thread);
    },
    onMove: (listener) => void moveListeners.push(listener),
    remove(transaction, { id, account, thread, createdSeq }) {
      changes.next(transaction, account, "Email", "Mailbox");
      unfileAll.run(id);
      removeKeywords.run(id);
      removeEmail.run(id);
      changes.destroyed(account, "Email", id, createdSeq);
      threads.touch(transaction, account, thread);
    },
    get: (account, id) => select.get(id, account),
    keywordsOf,
    mailboxesOf,
    idsIn: (mailbox) => selectIn.all(mailbox).map(({ email }) => email),
    changedSince: (account, since, limit) => selectChanged.all(account, since, limit),
    hashesOf: (account) => selectHashes.all(account),
    // Not kept: there are as many texts as there are shapes of filters.
    find: <Row>({ sql, parameters }: EmailQuery) => database.prepareOnce<Row>(sql).iterate(...parameters),
    count: ({ sql, parameters }, column) =>
      database
        .prepareOnce<{ n: number }>(`SELECT count(DISTINCT ${column}) AS n FROM (${sql})`)
        .get(...parameters)?.n ?? 0,
    hasMoreMatches: (match, most) => (countMatches.get(match, most + 1)?.n ?? 0) > most,
    bodyOf(hash) {
      const row = selectMessage.get(hash);
      if (!row) throw new Error(`No message of the blob ${hash} is kept.`);
      const { root } = JSON.parse(row.body) as Pick<Message, "root">;
      return { root, texts: JSON.parse(row.texts) as Message["texts"] };
    },
    bytesOf: (account) => selectBytes.get(account)?.bytes ?? 0,
    sizeOf: (hash) => selectSize.get(hash)?.size ?? 0,
    byBlob: (account, hash) => selectByBlob.get(hash, account)?.id,
  };
}

function cluesOf({ messageId, inReplyTo, references }: EmailFields): string[] {
  return [...(references ?? []), ...(inReplyTo ?? []), ...(messageId ?? [])];
}

function sentAtOf({ sentAt }: EmailFields): number | undefined {
  return sentAt === null ? undefined : Date.parse(sentAt);
}
