import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Changes } from "../mailbox/changes.ts";
import type { Outgoing } from "./outgoing.ts";

/** Somebody to whom a message is to go. */
export interface Addressee {
  /** Among the recipients of its submission. */
  readonly position: number;
  readonly address: string;
  /** JSON of the parameters that the client gave, or null. */
  readonly parameters: string | null;
  readonly attempts: number;
}

/** One message with those of its recipients that are due. */
export interface Consignment {
  readonly kind: "submission" | "automatic";
  readonly id: number;
  /** Whose it is; null: it was sent by itself, and nobody is told what becomes of it. */
  readonly account: number | null;
  readonly hash: string;
  readonly size: number;
  readonly mailFrom: string;
  /** Unix ms: since when it is to be sent. */
  readonly sendAt: number;
  /** Whether `hash` is what goes out, and has octets above 127. */
  readonly prepared: number;
  readonly eightBit: number;
  /** Whether the sender knows that it waits. */
  readonly delayTold: number;
  readonly addressees: readonly Addressee[];
}

/** What became of a try, for one recipient. */
export interface Outcome {
  readonly addressee: Addressee;
  readonly state: "sent" | "failed" | "queued";
  /** An SMTP reply. */
  readonly reply: string;
  /** Unix ms of the next try, of `queued`. */
  readonly dueAt?: number;
}

/** A row of what waits, for the owner. */
export interface QueuedRow {
  readonly kind: Consignment["kind"];
  readonly id: number;
  readonly account: number | null;
  readonly mailFrom: string;
  readonly address: string;
  readonly state: "queued" | "sending";
  readonly attempts: number;
  readonly sendAt: number;
  readonly dueAt: number;
  readonly reply: string;
}

/** The message was taken back before it was sent. */
export class CanceledError extends Error {
  override name = "CanceledError";
}

/** What waits to be sent. Whatever takes a transaction is to run inside a write. */
export interface QueueStore extends Outgoing {
  /** At a start: what was being sent when the last process ended is sent again, and what waited is tried at once. */
  recover(): Promise<void>;
  /** The message that is due first. */
  next(now: number): Consignment | undefined;
  /** Unix ms of the next try of anything. */
  nextDueAt(): number | undefined;
  /** What goes out was written. */
  setPrepared(
    transaction: Transaction,
    consignment: Consignment,
    prepared: { readonly hash: string; readonly size: number; readonly eightBit: boolean },
  ): void;
  /** From here on it may have gone. Throws CanceledError where it was taken back. */
  begin(transaction: Transaction, consignment: Consignment, addressees: readonly Addressee[]): void;
  settle(transaction: Transaction, consignment: Consignment, outcomes: readonly Outcome[]): void;
  /** The sender has a report with these raw bytes: that it waits, or that it has failed. */
  noteReport(transaction: Transaction, consignment: Consignment, hash: string, isDelay: boolean): void;
  list(limit: number): QueuedRow[];
  count(): { readonly waiting: number; readonly oldest: number | null };
  /** The account of a submission that waits. */
  accountOf(id: number): number | undefined;
  /** False where nothing of it waits. */
  retry(transaction: Transaction, kind: Consignment["kind"], id: number, now: number): boolean;
  /** False where there is no such automatic message, or it is being sent. */
  cancelAutomatic(transaction: Transaction, id: number): boolean;
  onQueued(listener: () => void): void;
}

/** RFC 5321 §4.5.3.1.8: what every server takes at once. */
const mostAtOnce = 100;

export function createQueueStore(database: Database, changes: Changes, now: () => number): QueueStore {
  const requeue = database.prepare(
    "UPDATE recipients SET state = 'queued', due_at = ?1 WHERE state = 'sending'",
  );
  const hasten = database.prepare(
    `UPDATE recipients SET due_at = ?1 WHERE state = 'queued' AND due_at > ?1
       AND submission IN (SELECT id FROM submissions WHERE send_at <= ?1)`,
  );
  const hastenAutomatic = database.prepare("UPDATE automatic SET state = 'queued', due_at = min(due_at, ?)");
  const firstDue = database.prepare<{ submission: number; dueAt: number }>(
    `SELECT submission, due_at AS dueAt FROM recipients
     WHERE state IN ('queued', 'sending') AND state = 'queued' AND due_at <= ?
     ORDER BY due_at, submission LIMIT 1`,
  );
  const firstAutomatic = database.prepare<Row & { address: string; attempts: number; dueAt: number }>(
    `SELECT id, NULL AS account, hash, size, mail_from AS mailFrom, made_at AS sendAt, prepared,
       eight_bit AS eightBit, 0 AS delayTold, address, attempts, due_at AS dueAt
     FROM automatic WHERE state = 'queued' AND due_at <= ? ORDER BY due_at, id LIMIT 1`,
  );
  const selectSubmission = database.prepare<Row>(
    `SELECT id, account, hash, size, mail_from AS mailFrom, send_at AS sendAt, prepared, eight_bit AS eightBit,
       delay_told AS delayTold
     FROM submissions WHERE id = ?`,
  );
  const selectDue = database.prepare<Addressee>(
    `SELECT position, address, parameters, attempts FROM recipients
     WHERE submission = ? AND state = 'queued' AND due_at <= ? ORDER BY position LIMIT ${mostAtOnce}`,
  );
  const selectNext = database.prepare<{ dueAt: number | null }>(
    `SELECT min(due_at) AS dueAt FROM (
       SELECT min(due_at) AS due_at FROM recipients WHERE state IN ('queued', 'sending') AND state = 'queued'
       UNION ALL SELECT min(due_at) FROM automatic WHERE state = 'queued')`,
  );
  const prepareSubmission = database.prepare(
    "UPDATE submissions SET hash = ?, size = ?, eight_bit = ?, prepared = 1 WHERE id = ? AND hash IS NOT NULL",
  );
  const prepareAutomatic = database.prepare(
    "UPDATE automatic SET hash = ?, size = ?, eight_bit = ?, prepared = 1 WHERE id = ?",
  );
  const beginRow = database.prepare(
    `UPDATE recipients SET state = 'sending', attempts = attempts + 1
     WHERE submission = ? AND position = ? AND state = 'queued'`,
  );
  const beginAutomatic = database.prepare(
    "UPDATE automatic SET state = 'sending', attempts = attempts + 1 WHERE id = ? AND state = 'queued'",
  );
  const settleRow = database.prepare(
    `UPDATE recipients SET state = ?, reply = ?, due_at = coalesce(?, due_at), attempts = ?
     WHERE submission = ? AND position = ? AND state IN ('queued', 'sending')`,
  );
  const settleAutomatic = database.prepare(
    "UPDATE automatic SET state = 'queued', reply = ?, due_at = ?, attempts = ? WHERE id = ?",
  );
  const removeAutomatic = database.prepare("DELETE FROM automatic WHERE id = ?");
  const setFinal = database.prepare(
    "UPDATE submissions SET undo = 'final', changed_seq = ? WHERE id = ? AND undo <> 'canceled'",
  );
  const setChanged = database.prepare("UPDATE submissions SET changed_seq = ? WHERE id = ?");
  const letGo = database.prepare(
    `UPDATE submissions SET hash = NULL WHERE id = ?1 AND NOT EXISTS
       (SELECT 1 FROM recipients WHERE submission = ?1 AND state IN ('queued', 'sending'))`,
  );
  const addReport = database.prepare(
    `UPDATE submissions SET dsns = json_insert(dsns, '$[#]', ?), delay_told = delay_told OR ?, changed_seq = ?
     WHERE id = ?`,
  );
  const selectQueued = database.prepare<QueuedRow>(
    `SELECT 'submission' AS kind, s.id, s.account, s.mail_from AS mailFrom, r.address, r.state, r.attempts,
       s.send_at AS sendAt, r.due_at AS dueAt, r.reply
     FROM recipients r JOIN submissions s ON s.id = r.submission WHERE r.state IN ('queued', 'sending')
     UNION ALL SELECT 'automatic', id, NULL, mail_from, address, state, attempts, made_at, due_at, reply
     FROM automatic ORDER BY 9, 2 LIMIT ?`,
  );
  const selectCount = database.prepare<{ waiting: number; oldest: number | null }>(
    `SELECT count(*) AS waiting, min(send_at) AS oldest FROM (
       SELECT s.send_at FROM recipients r JOIN submissions s ON s.id = r.submission
         WHERE r.state IN ('queued', 'sending') AND s.send_at <= ?1
       UNION ALL SELECT made_at FROM automatic)`,
  );
  const selectAccount = database.prepare<{ account: number }>("SELECT account FROM submissions WHERE id = ?");
  const retryRows = database.prepare(
    "UPDATE recipients SET due_at = ? WHERE submission = ? AND state = 'queued'",
  );
  const retryAutomatic = database.prepare(
    "UPDATE automatic SET due_at = ? WHERE id = ? AND state = 'queued'",
  );
  const cancelRow = database.prepare("DELETE FROM automatic WHERE id = ? AND state = 'queued'");
  const insertAutomatic = database.prepare(
    `INSERT INTO automatic (hash, size, mail_from, address, state, made_at, due_at, reply)
     VALUES (?1, ?2, ?3, ?4, 'queued', ?5, ?5, '')`,
  );
  let wake: () => void = () => undefined;

  function noteChange(transaction: Transaction, { id, account }: Consignment, begun: boolean): void {
    if (account === null) return;
    const seq = changes.next(transaction, account, "EmailSubmission");
    if (begun) setFinal.run(seq, id);
    else setChanged.run(seq, id);
  }

  return {
    async recover() {
      await database.write(() => {
        requeue.run(now());
        hasten.run(now());
        hastenAutomatic.run(now());
      });
    },
    next(time) {
      const automatic = firstAutomatic.get(time);
      const due = firstDue.get(time);
      if (automatic && (!due || automatic.dueAt < due.dueAt)) {
        const { address, attempts, dueAt: _due, ...row } = automatic;
        return {
          kind: "automatic",
          ...row,
          addressees: [{ position: 0, address, parameters: null, attempts }],
        };
      }
      const row = due && selectSubmission.get(due.submission);
      return row && { kind: "submission", ...row, addressees: selectDue.all(row.id, time) };
    },
    nextDueAt: () => selectNext.get()?.dueAt ?? undefined,
    setPrepared(_transaction, { kind, id }, { hash, size, eightBit }) {
      const prepareOne = kind === "submission" ? prepareSubmission : prepareAutomatic;
      if (prepareOne.run(hash, size, Number(eightBit), id).changes === 0) throw new CanceledError();
    },
    begin(transaction, consignment, addressees) {
      for (const { position } of addressees) {
        const { changes: begun } =
          consignment.kind === "submission"
            ? beginRow.run(consignment.id, position)
            : beginAutomatic.run(consignment.id);
        if (begun === 0) throw new CanceledError();
      }
      noteChange(transaction, consignment, true);
    },
    settle(transaction, consignment, outcomes) {
      const { kind, id } = consignment;
      for (const { addressee, state, reply, dueAt } of outcomes) {
        const attempts = addressee.attempts + 1;
        if (kind === "submission")
          settleRow.run(state, reply, dueAt ?? null, attempts, id, addressee.position);
        else if (state === "queued") settleAutomatic.run(reply, dueAt ?? now(), attempts, id);
        else removeAutomatic.run(id);
      }
      noteChange(
        transaction,
        consignment,
        outcomes.some(({ state }) => state !== "queued"),
      );
      if (kind === "submission") letGo.run(id);
    },
    noteReport(transaction, { id, account }, hash, isDelay) {
      if (account === null) return;
      addReport.run(hash, Number(isDelay), changes.next(transaction, account, "EmailSubmission"), id);
    },
    list: (limit) => selectQueued.all(limit),
    count: () => selectCount.get(now()) ?? { waiting: 0, oldest: null },
    accountOf: (id) => selectAccount.get(id)?.account,
    retry(transaction, kind, id, time) {
      const one = kind === "submission" ? retryRows : retryAutomatic;
      transaction.afterCommit(() => wake());
      return one.run(time, id).changes > 0;
    },
    cancelAutomatic: (_transaction, id) => cancelRow.run(id).changes > 0,
    queueAutomatic(transaction, { hash, size, mailFrom, recipient }) {
      insertAutomatic.run(hash, size, mailFrom, recipient, now());
      transaction.afterCommit(() => wake());
    },
    onQueued(listener) {
      wake = listener;
    },
  };
}

type Row = Omit<Consignment, "kind" | "addressees">;
