import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";

/** Where an email lay, and how it was marked, as far as an act has changed it. */
export interface Restored {
  readonly id: number;
  readonly mailboxes?: readonly number[];
  readonly keywords?: readonly string[];
}

/** What takes an act back. */
export type Reversal =
  /** Each email back where it lay, and its keywords as they were. */
  | { readonly kind: "restore"; readonly emails: readonly Restored[] }
  /** A message that is not on its way yet becomes a draft again. */
  | { readonly kind: "unsend"; readonly submission: number; readonly email: number };

export interface Act {
  readonly id: number;
  /** `2 conversations archived.` */
  readonly words: string;
  readonly reversal: Reversal;
}

/** What members have done a short while ago, and how it is taken back. */
export interface UndoStore {
  /** Inside a write. `form`: the one by which a message was sent. */
  note(transaction: Transaction, account: number, words: string, reversal: Reversal, form?: string): number;
  /** Inside a write: an act that goes on. */
  extend(id: number, reversal: Reversal): void;
  /** Whether a message was sent by that form, and not called back. */
  hasSent(account: number, form: string): boolean;
  find(account: number, id: number): Act | undefined;
  /** Inside a write. */
  remove(id: number): void;
}

/** Whoever has not missed it within a day finds it by the search. */
const lifetime = 24 * 60 * 60 * 1000;

export function createUndoStore(database: Database, now: () => number): UndoStore {
  const insert = database.prepare(
    "INSERT INTO webmail_acts (account, done_at, words, reversal, form) VALUES (?, ?, ?, ?, ?)",
  );
  const removeOld = database.prepare("DELETE FROM webmail_acts WHERE done_at < ?");
  const select = database.prepare<{ id: number; words: string; reversal: string }>(
    "SELECT id, words, reversal FROM webmail_acts WHERE id = ? AND account = ? AND done_at >= ?",
  );
  const update = database.prepare("UPDATE webmail_acts SET reversal = ? WHERE id = ?");
  const selectForm = database.prepare("SELECT 1 FROM webmail_acts WHERE form = ? AND account = ?");
  const removeOne = database.prepare("DELETE FROM webmail_acts WHERE id = ?");
  return {
    note(_transaction, account, words, reversal, form) {
      removeOld.run(now() - lifetime);
      return insert.run(account, now(), words, JSON.stringify(reversal), form ?? null).lastInsertRowid;
    },
    extend: (id, reversal) => void update.run(JSON.stringify(reversal), id),
    hasSent: (account, form) => selectForm.get(form, account) !== undefined,
    find(account, id) {
      const row = select.get(id, account, now() - lifetime);
      return row && { id: row.id, words: row.words, reversal: JSON.parse(row.reversal) as Reversal };
    },
    remove: (id) => void removeOne.run(id),
  };
}
