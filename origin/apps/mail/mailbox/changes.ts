import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";

/** The kinds of object that a client can follow (RFC 8620 §5.2). */
export type ObjectType = "Mailbox" | "Thread" | "Email" | "Identity" | "EmailSubmission" | "VacationResponse";

/** What changed in one account, as it is told once it is on disk. */
export interface AccountChange {
  readonly account: number;
  readonly types: ReadonlySet<ObjectType>;
}

/** What was destroyed after a state. */
export interface DestroyedRow {
  readonly id: number;
  readonly seq: number;
  readonly createdSeq: number;
}

/** The sequence of changes of each account, and who follows it. */
export interface Changes {
  /** Makes the account where there is none yet. Inside a write. */
  open(account: number): void;
  /**
   * Inside a write: the number that what changes in it bears, the same for one account however often it is asked for
   * in one transaction. Each of `types` has a new state then.
   */
  next(transaction: Transaction, account: number, ...types: ObjectType[]): number;
  /** Inside a write, after `next`: notes that an object is gone. */
  destroyed(account: number, type: ObjectType, id: number, createdSeq: number): void;
  /** The state of a kind; 1 while there was no change of it. */
  state(account: number, type: ObjectType): number;
  /** What was destroyed after `since`, in that order. */
  destroyedSince(account: number, type: ObjectType, since: number): DestroyedRow[];
  /** Called after a commit. Returns the undo. */
  onChange(listener: (change: AccountChange) => void): () => void;
}

export function createChanges(database: Database): Changes {
  const insertAccount = database.prepare("INSERT INTO accounts (id) VALUES (?) ON CONFLICT DO NOTHING");
  const advance = database.prepare<{ seq: number }>(
    "UPDATE accounts SET seq = seq + 1 WHERE id = ? RETURNING seq",
  );
  const setState = database.prepare(
    `INSERT INTO states (account, type, seq) VALUES (?, ?, ?)
     ON CONFLICT (account, type) DO UPDATE SET seq = excluded.seq`,
  );
  const insertDestroyed = database.prepare(
    `INSERT INTO destroyed (account, type, seq, id, created_seq)
     SELECT ?, ?, seq, ?, ? FROM accounts WHERE id = ?`,
  );
  const selectState = database.prepare<{ seq: number }>(
    "SELECT seq FROM states WHERE account = ? AND type = ?",
  );
  const selectDestroyed = database.prepare<DestroyedRow>(
    `SELECT id, seq, created_seq AS createdSeq FROM destroyed
     WHERE account = ? AND type = ? AND seq > ? ORDER BY seq, id`,
  );
  const listeners = new Set<(change: AccountChange) => void>();
  /** Of the write that runs: an account has one number in it. */
  let running: { transaction: Transaction; numbers: Map<number, Numbered> } | undefined;

  function numberOf(transaction: Transaction, account: number): Numbered {
    if (running?.transaction !== transaction) running = { transaction, numbers: new Map() };
    const known = running.numbers.get(account);
    if (known) return known;
    insertAccount.run(account);
    const numbered: Numbered = { seq: advance.get(account)?.seq ?? 0, types: new Set() };
    running.numbers.set(account, numbered);
    transaction.afterCommit(() => {
      for (const listener of listeners) listener({ account, types: numbered.types });
    });
    return numbered;
  }

  return {
    open: (account) => void insertAccount.run(account),
    next(transaction, account, ...types) {
      const numbered = numberOf(transaction, account);
      for (const type of types) {
        if (numbered.types.has(type)) continue;
        numbered.types.add(type);
        setState.run(account, type, numbered.seq);
      }
      return numbered.seq;
    },
    destroyed: (account, type, id, createdSeq) =>
      void insertDestroyed.run(account, type, id, createdSeq, account),
    state: (account, type) => selectState.get(account, type)?.seq ?? 1,
    destroyedSince: (account, type, since) => selectDestroyed.all(account, type, since),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

interface Numbered {
  readonly seq: number;
  readonly types: Set<ObjectType>;
}
