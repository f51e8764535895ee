import type { ListenAddress } from "../../../config/config.ts";
import type { Log } from "../../../host/log.ts";
import type { Database } from "../../../storage/database.ts";
import type { KeptBlobs } from "../../../storage/kept-blobs.ts";
import type { Transaction } from "../../../storage/writer.ts";
import { sendByLmtp } from "./lmtp.ts";

/** What arrives is handed to a mail server of this machine, too: at least once, and as often as it takes. */
export interface HandOvers {
  /** Inside a write. */
  add(transaction: Transaction, message: HandedOver): void;
  /** How many wait, and what was said of the one that waits longest and was refused. */
  state(): { readonly waiting: number; readonly failing: number; readonly error: string | null };
  /** Resolves once nothing is due any more. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

export interface HandedOver {
  readonly account: number;
  /** Of the raw bytes, a blob of mail. */
  readonly hash: string;
  readonly size: number;
  readonly mailFrom: string;
  /** As the local server knows them. */
  readonly recipient: string;
}

interface Row {
  readonly id: number;
  readonly hash: string;
  readonly mailFrom: string;
  readonly recipient: string;
  readonly attempts: number;
}

const minuteMs = 60_000;
/** Between two tries: 1 minute, 2, 4 … and no longer than this. */
const longestPauseMs = 60 * minuteMs;
const atATime = 20;

export function createHandOvers(options: {
  readonly database: Database;
  readonly blobs: KeptBlobs;
  readonly target: ListenAddress;
  readonly now: () => number;
  readonly log: Pick<Log, "warn" | "error">;
  /** How long an answer may take. */
  readonly patienceMs?: number;
}): HandOvers {
  const { database, blobs, target, now, log, patienceMs = 60_000 } = options;
  const insert = database.prepare(
    "INSERT INTO hand_overs (account, hash, size, mail_from, recipient, due_at) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const selectDue = database.prepare<Row>(
    `SELECT id, hash, mail_from AS mailFrom, recipient, attempts FROM hand_overs
     WHERE due_at <= ? ORDER BY due_at, id LIMIT ?`,
  );
  const selectNext = database.prepare<{ at: number | null }>("SELECT min(due_at) AS at FROM hand_overs");
  const selectState = database.prepare<{ waiting: number; failing: number }>(
    "SELECT count(*) AS waiting, count(error) AS failing FROM hand_overs",
  );
  const selectError = database.prepare<{ error: string }>(
    "SELECT error FROM hand_overs WHERE error IS NOT NULL ORDER BY id LIMIT 1",
  );
  const remove = database.prepare("DELETE FROM hand_overs WHERE id = ?");
  const postpone = database.prepare(
    "UPDATE hand_overs SET attempts = attempts + 1, due_at = ?, error = ? WHERE id = ?",
  );
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  const stopping = new AbortController();

  /** One after another: a small machine has better things to do than to hurry. */
  async function work(): Promise<void> {
    for (;;) {
      const due = selectDue.all(now(), atATime);
      if (due.length === 0) return;
      for (const row of due) {
        if (closed) return;
        await handOver(row);
      }
    }
  }

  async function handOver(row: Row): Promise<void> {
    try {
      const blob = await blobs.open(row.hash);
      if (!blob) throw new Error("The message is not there any more.");
      await sendByLmtp({
        ...row,
        target,
        raw: blob.stream,
        size: blob.size,
        patienceMs,
        signal: stopping.signal,
      });
      await database.write(() => void remove.run(row.id));
      await blobs.collect();
    } catch (error) {
      if (closed) return;
      const said = (error as Error).message.slice(0, 500);
      log.warn("mail.hand-over-failed", { error: said });
      const pause = Math.min(longestPauseMs, minuteMs * 2 ** Math.min(row.attempts, 10));
      await database.write(() => void postpone.run(now() + pause, said, row.id));
    }
  }

  function wake(): Promise<void> {
    clearTimeout(timer);
    running ??= work()
      .catch((error: unknown) => log.error("mail.hand-over-stopped", { error }))
      .finally(() => {
        running = undefined;
        const at = closed ? null : (selectNext.get()?.at ?? null);
        if (at === null) return;
        timer = setTimeout(() => void wake(), Math.max(1000, Math.min(at - now(), longestPauseMs))).unref();
      });
    return running;
  }

  void wake();
  return {
    add(transaction, { account, hash, size, mailFrom, recipient }) {
      insert.run(account, hash, size, mailFrom, recipient, now());
      transaction.afterCommit(() => void wake());
    },
    state: () => ({
      waiting: selectState.get()?.waiting ?? 0,
      failing: selectState.get()?.failing ?? 0,
      error: selectError.get()?.error ?? null,
    }),
    settle: () => wake(),
    async close() {
      closed = true;
      clearTimeout(timer);
      stopping.abort();
      await running;
    },
  };
}

/** What waited for a local server that there is no more. */
export async function forgetHandOvers(database: Database): Promise<void> {
  await database.write(() => void database.prepare("DELETE FROM hand_overs").run());
}
