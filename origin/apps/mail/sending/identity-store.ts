import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Addresses } from "../mailbox/addresses.ts";
import type { ChangedEmail as ChangedRow } from "../mailbox/email-store.ts";
import type { Changes } from "../mailbox/changes.ts";
import type { EmailAddress } from "../message/header-forms.ts";

export interface IdentityRow {
  readonly id: number;
  readonly account: number;
  readonly name: string;
  readonly email: string;
  /** JSON of a list of addresses, or null; `bcc` too. */
  readonly replyTo: string | null;
  readonly bcc: string | null;
  readonly textSignature: string;
  readonly htmlSignature: string;
  readonly createdSeq: number;
}

export interface NewIdentity {
  readonly name: string;
  readonly email: string;
  readonly replyTo: readonly EmailAddress[] | null;
  readonly bcc: readonly EmailAddress[] | null;
  readonly textSignature: string;
  readonly htmlSignature: string;
}

export interface IdentityStore {
  /** Makes the first one of an account, of its own address, where there is none. */
  open(account: number, name: string): Promise<void>;
  /** The oldest first. */
  list(account: number): IdentityRow[];
  get(account: number, id: number): IdentityRow | undefined;
  changedSince(account: number, since: number, limit: number): ChangedRow[];
  /** Inside a write, as are the next two. */
  insert(transaction: Transaction, account: number, identity: NewIdentity): number;
  update(transaction: Transaction, account: number, id: number, identity: NewIdentity): void;
  remove(transaction: Transaction, identity: IdentityRow): void;
}

export function createIdentityStore(
  database: Database,
  changes: Changes,
  addresses: Addresses,
): IdentityStore {
  const columns = `id, account, name, email, reply_to AS replyTo, bcc, text_signature AS textSignature,
    html_signature AS htmlSignature, created_seq AS createdSeq`;
  const selectAll = database.prepare<IdentityRow>(
    `SELECT ${columns} FROM identities WHERE account = ? ORDER BY id`,
  );
  const selectOne = database.prepare<IdentityRow>(
    `SELECT ${columns} FROM identities WHERE id = ? AND account = ?`,
  );
  const selectChanged = database.prepare<ChangedRow>(
    `SELECT id, created_seq AS createdSeq, changed_seq AS changedSeq FROM identities
     WHERE account = ? AND changed_seq > ? ORDER BY changed_seq, id LIMIT ?`,
  );
  const insertRow = database.prepare(
    `INSERT INTO identities (account, name, email, reply_to, bcc, text_signature, html_signature, created_seq, changed_seq)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)`,
  );
  const updateRow = database.prepare(
    `UPDATE identities SET name = ?, email = ?, reply_to = ?, bcc = ?, text_signature = ?, html_signature = ?,
       changed_seq = ? WHERE id = ?`,
  );
  const removeRow = database.prepare("DELETE FROM identities WHERE id = ?");
  const json = (value: readonly EmailAddress[] | null): string | null =>
    value === null ? null : JSON.stringify(value);

  function insert(transaction: Transaction, account: number, identity: NewIdentity): number {
    const seq = changes.next(transaction, account, "Identity");
    const { name, email, replyTo, bcc, textSignature, htmlSignature } = identity;
    return insertRow.run(account, name, email, json(replyTo), json(bcc), textSignature, htmlSignature, seq)
      .lastInsertRowid;
  }

  return {
    async open(account, name) {
      if (selectAll.get(account)) return;
      const [email = ""] = addresses.of(account);
      await database.write((transaction) => {
        if (selectAll.get(account)) return;
        insert(transaction, account, {
          name,
          email,
          replyTo: null,
          bcc: null,
          textSignature: "",
          htmlSignature: "",
        });
      });
    },
    list: (account) => selectAll.all(account),
    get: (account, id) => selectOne.get(id, account),
    changedSince: (account, since, limit) => selectChanged.all(account, since, limit),
    insert,
    update(transaction, account, id, { name, email, replyTo, bcc, textSignature, htmlSignature }) {
      const seq = changes.next(transaction, account, "Identity");
      updateRow.run(name, email, json(replyTo), json(bcc), textSignature, htmlSignature, seq, id);
    },
    remove(transaction, { id, account, createdSeq }) {
      changes.next(transaction, account, "Identity");
      removeRow.run(id);
      changes.destroyed(account, "Identity", id, createdSeq);
    },
  };
}
