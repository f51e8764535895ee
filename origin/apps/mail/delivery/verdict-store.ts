import type { Database } from "../../../storage/database.ts";

/** How an email came. Nothing of it stands in the raw message, which stays as it was taken. */
export interface Verdict {
  /** The envelope's sender; empty for bounces. */
  readonly mailFrom: string;
  /** The envelope's recipient, as the sender wrote it. */
  readonly recipient: string;
  readonly isSpam: boolean;
  /** The value of an Authentication-Results field in this server's name (RFC 8601). */
  readonly results: string;
}

export interface VerdictStore {
  /** Undefined for what did not arrive: drafts, what was sent, what a program has put here. */
  get(email: number): Verdict | undefined;
  /** Inside a write. It goes with its email. */
  add(email: number, verdict: Verdict): void;
}

export function createVerdictStore(database: Database): VerdictStore {
  const select = database.prepare<{ mailFrom: string; recipient: string; isSpam: number; results: string }>(
    `SELECT mail_from AS mailFrom, recipient, is_spam AS isSpam, results FROM verdicts WHERE email = ?`,
  );
  const insert = database.prepare(
    "INSERT INTO verdicts (email, mail_from, recipient, is_spam, results) VALUES (?, ?, ?, ?, ?)",
  );
  return {
    get(email) {
      const row = select.get(email);
      return row && { ...row, isSpam: row.isSpam === 1 };
    },
    add: (email, { mailFrom, recipient, isSpam, results }) =>
      void insert.run(email, mailFrom, recipient, Number(isSpam), results),
  };
}
