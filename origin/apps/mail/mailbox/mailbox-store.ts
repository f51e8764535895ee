import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Changes } from "./changes.ts";

/** Roles of mailboxes (RFC 8621 §2; the registry "IMAP Mailbox Name Attributes") that every account has. */
export type Role = "inbox" | "drafts" | "sent" | "archive" | "junk" | "trash";

export interface MailboxRow {
  readonly id: number;
  readonly account: number;
  readonly parent: number | null;
  readonly name: string;
  /** One of `Role`, or another that a client has given. */
  readonly role: string | null;
  readonly sortOrder: number;
  readonly subscribed: number;
  readonly emails: number;
  readonly unreadEmails: number;
  readonly threads: number;
  readonly unreadThreads: number;
  readonly createdSeq: number;
  readonly changedSeq: number;
  /** When its counts changed last. */
  readonly countedSeq: number;
}

export interface NewMailbox {
  readonly parent: number | null;
  readonly name: string;
  readonly role: string | null;
  readonly sortOrder: number;
  readonly subscribed: boolean;
}

/** The rows of mailboxes. What a client may do with them is judged elsewhere. */
export interface MailboxStore {
  /** Inside a write: the account with its usual mailboxes, made at its first message or request. */
  openAccount(transaction: Transaction, account: number): void;
  hasAccount(account: number): boolean;
  list(account: number): MailboxRow[];
  get(account: number, id: number): MailboxRow | undefined;
  byRole(account: number, role: Role): MailboxRow | undefined;
  /** Inside a write. */
  insert(transaction: Transaction, account: number, mailbox: NewMailbox): number;
  /** Inside a write. */
  update(transaction: Transaction, account: number, id: number, mailbox: NewMailbox): void;
  /** Inside a write: the mailbox must be empty and have no children. */
  remove(transaction: Transaction, mailbox: MailboxRow): void;
}

const usual: readonly (readonly [Role, string])[] = [
  ["inbox", "Inbox"],
  ["drafts", "Drafts"],
  ["sent", "Sent"],
  ["archive", "Archive"],
  ["junk", "Spam"],
  ["trash", "Trash"],
];

export function createMailboxStore(database: Database, changes: Changes): MailboxStore {
  const columns = `id, account, parent, name, role, sort_order AS sortOrder, subscribed, emails,
    unread_emails AS unreadEmails, threads, unread_threads AS unreadThreads, created_seq AS createdSeq,
    changed_seq AS changedSeq, counted_seq AS countedSeq`;
  const selectAll = database.prepare<MailboxRow>(
    `SELECT ${columns} FROM mailboxes WHERE account = ? ORDER BY sort_order, name, id`,
  );
  const selectOne = database.prepare<MailboxRow>(
    `SELECT ${columns} FROM mailboxes WHERE id = ? AND account = ?`,
  );
  const selectRole = database.prepare<MailboxRow>(
    `SELECT ${columns} FROM mailboxes WHERE account = ? AND role = ?`,
  );
  const isThere = database.prepare("SELECT 1 FROM accounts WHERE id = ?");
  const insertRow = database.prepare(
    `INSERT INTO mailboxes (account, parent, name, role, sort_order, subscribed, created_seq, changed_seq, counted_seq)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?7)`,
  );
  const updateRow = database.prepare(
    `UPDATE mailboxes SET parent = ?, name = ?, role = ?, sort_order = ?, subscribed = ?, changed_seq = ?
     WHERE id = ? AND account = ?`,
  );
  const removeRow = database.prepare("DELETE FROM mailboxes WHERE id = ?");

  function insert(transaction: Transaction, account: number, mailbox: NewMailbox): number {
    const seq = changes.next(transaction, account, "Mailbox");
    const { parent, name, role, sortOrder, subscribed } = mailbox;
    return insertRow.run(account, parent, name, role, sortOrder, Number(subscribed), seq).lastInsertRowid;
  }

  return {
    openAccount(transaction, account) {
      if (isThere.get(account)) return;
      changes.open(account);
      for (const [index, [role, name]] of usual.entries()) {
        insert(transaction, account, { parent: null, name, role, sortOrder: index + 1, subscribed: true });
      }
    },
    hasAccount: (account) => isThere.get(account) !== undefined,
    list: (account) => selectAll.all(account),
    get: (account, id) => selectOne.get(id, account),
    byRole: (account, role) => selectRole.get(account, role),
    insert,
    update(transaction, account, id, { parent, name, role, sortOrder, subscribed }) {
      const seq = changes.next(transaction, account, "Mailbox");
      updateRow.run(parent, name, role, sortOrder, Number(subscribed), seq, id, account);
    },
    remove(transaction, { id, account, createdSeq }) {
      changes.next(transaction, account, "Mailbox");
      removeRow.run(id);
      changes.destroyed(account, "Mailbox", id, createdSeq);
    },
  };
}
