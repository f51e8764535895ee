import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Message } from "../message/message.ts";
import type { Changes } from "./changes.ts";
import { type EmailFields, fieldsOf, indexedTextOf, sortKeysOf } from "./email-fields.ts";
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

/** The rows of emails: every way of adding, changing and removing one comes by here. All but the reads inside a write. */
export interface EmailStore {
  add(transaction: Transaction, email: NewEmail): { id: number; thread: number };
  setKeywords(transaction: Transaction, email: EmailRow, keywords: readonly string[]): void;
  setMailboxes(transaction: Transaction, email: EmailRow, mailboxes: readonly number[]): void;
  remove(transaction: Transaction, email: EmailRow): void;
  get(account: number, id: number): EmailRow | undefined;
  keywordsOf(id: number): string[];
  mailboxesOf(id: number): number[];
  /** Who else has the same raw bytes, of this account. */
  byBlob(account: number, hash: string): number | undefined;
}

/** RFC 8621 §2: `$seen` and `$draft` are what makes an email not unread. */
const isUnread = (keywords: readonly string[]): boolean =>
  !keywords.includes("$seen") && !keywords.includes("$draft");

export function createEmailStore(database: Database, changes: Changes, threads: ThreadStore): EmailStore {
  const insertMessage = database.prepare(
    "INSERT INTO messages (hash, body, texts) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING",
  );
  const insertEmail = database.prepare(
    `INSERT INTO emails (account, thread, hash, size, received_at, sent_at, sort_subject, sort_from, sort_to, fields,
       preview, has_attachment, unread, created_seq, changed_seq)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14)`,
  );
  const insertText = database.prepare(
    "INSERT INTO email_text (rowid, subject, sender, recipients, cc, bcc, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
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

  const keywordsOf = (id: number): string[] => selectKeywords.all(id).map(({ keyword }) => keyword);
  const mailboxesOf = (id: number): number[] => selectMailboxes.all(id).map(({ mailbox }) => mailbox);

  return {
    add(transaction, { account, blob, message, mailboxes, keywords, receivedAt }) {
      const seq = changes.next(transaction, account, "Email", "Mailbox");
      const fields = fieldsOf(message.root.headers);
      const keys = sortKeysOf(fields);
      const thread = threads.find(transaction, account, {
        messageIds: cluesOf(fields),
        baseSubject: keys.subject,
      });
      const { root, hasAttachment, texts, preview } = message;
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
      insertText.run(id, ...indexedTextOf(fields), message.searchText);
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
    setMailboxes(transaction, { id, account, unread, thread }, mailboxes) {
      const seq = changes.next(transaction, account, "Email", "Mailbox");
      const after = new Set(mailboxes);
      for (const mailbox of mailboxesOf(id)) if (!after.delete(mailbox)) unfile.run(id, mailbox);
      for (const mailbox of after) file.run(mailbox, id);
      update.run(unread, seq, id);
      threads.touch(transaction, account, thread);
    },
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
    byBlob: (account, hash) => selectByBlob.get(hash, account)?.id,
  };
}

function cluesOf({ messageId, inReplyTo, references }: EmailFields): string[] {
  return [...(references ?? []), ...(inReplyTo ?? []), ...(messageId ?? [])];
}

function sentAtOf({ sentAt }: EmailFields): number | undefined {
  return sentAt === null ? undefined : Date.parse(sentAt);
}
