import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Changes } from "../mailbox/changes.ts";

/** What whoever writes to a member who is away is answered (RFC 8621 §8). */
export interface Vacation {
  readonly enabled: number;
  /** Unix ms; null: from now on, for ever. */
  readonly fromDate: number | null;
  readonly toDate: number | null;
  readonly subject: string | null;
  readonly textBody: string | null;
  readonly htmlBody: string | null;
}

export interface VacationStore {
  get(account: number): Vacation;
  /** Inside a write. */
  set(transaction: Transaction, account: number, vacation: Vacation): void;
}

const none: Vacation = {
  enabled: 0,
  fromDate: null,
  toDate: null,
  subject: null,
  textBody: null,
  htmlBody: null,
};

export function createVacationStore(database: Database, changes: Changes): VacationStore {
  const select = database.prepare<Vacation>(
    `SELECT enabled, from_date AS fromDate, to_date AS toDate, subject, text_body AS textBody, html_body AS htmlBody
     FROM vacations WHERE account = ?`,
  );
  const put = database.prepare(
    `INSERT INTO vacations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
     ON CONFLICT (account) DO UPDATE SET enabled = ?2, from_date = ?3, to_date = ?4, subject = ?5, text_body = ?6,
       html_body = ?7`,
  );
  return {
    get: (account) => select.get(account) ?? none,
    set(transaction, account, { enabled, fromDate, toDate, subject, textBody, htmlBody }) {
      changes.next(transaction, account, "VacationResponse");
      put.run(account, enabled, fromDate, toDate, subject, textBody, htmlBody);
    },
  };
}
