import { type DiskFault, diskFaultMessages, diskFaultOf } from "./disk-fault.ts";
import type { Driver } from "./driver.ts";

/** What a write may ask of the transaction it runs in. */
export interface Transaction {
  /** Runs once the write is on disk, before its promise settles: the place to wake readers. */
  afterCommit(hook: () => void): void;
  /** Runs when the write's changes were undone: the place to forget what memory took from them. */
  onRollback(hook: () => void): void;
}

export interface WriteOptions {
  /** Nobody waits for it: it may be held back for some milliseconds, so that more of its kind share its fsync. */
  readonly patient?: boolean;
}

export interface Writer {
  write<T>(work: (transaction: Transaction) => T, options?: WriteOptions): Promise<T>;
  beforeCommit(hook: () => void): void;
  close(): Promise<void>;
}

/** The disk did not take the write: nothing of it was kept, and the same write may be tried again. */
export class CommitError extends Error {
  override name = "CommitError";
  /** Undefined where it was not the disk's doing: the database is closing, or was locked for too long. */
  readonly fault: DiskFault | undefined;

  constructor(message: string, options?: ErrorOptions) {
    const fault = diskFaultOf(options?.cause);
    super(fault ? diskFaultMessages[fault] : message, options);
    this.fault = fault;
  }
}

interface Job {
  run(transaction: Transaction): unknown;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

interface Outcome {
  job: Job;
  committed: (() => void)[];
  undone: (() => void)[];
  result?: unknown;
}

/** A batch ends here at the latest, so that a flood of writes cannot hold up reads. */
const longestBatch = 200;
/**
 * How many turns of the event loop a batch may gather while each brings it another write. A turn costs some 20 µs,
 * the fsync that a fuller batch saves some 1,000; a write that comes alone waits for one turn.
 */
const longestGathering = 8;
/** Patient writes are held back for so long, and until there are so many, or one that is not patient. */
const patienceMs = 25;
const mostPatient = 24;

/**
 * The group-commit writer: everything queued in one tick of the event loop (or in a few, while they keep coming)
 * is written in one transaction with one fsync, each write in a savepoint, so that a failed one takes no other with it. One writer a database,
 * hence stream positions handed out inside a write are never seen out of order.
 */
export function createWriter(driver: Driver): Writer {
  let queue: Job[] = [];
  let scheduled = false;
  /** Of the batch that is being gathered: its size a turn ago, and its turns so far. */
  let gathered = 0;
  let turns = 0;
  let closed = false;
  let patience: NodeJS.Timeout | undefined;
  const control = prepareControl(driver);
  const beforeCommitHooks: (() => void)[] = [];
  const idle: (() => void)[] = [];

  function hold(): void {
    if (scheduled) return;
    if (queue.length >= mostPatient) schedule();
    else patience ??= setTimeout(schedule, patienceMs);
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    clearTimeout(patience);
    patience = undefined;
    // After the poll phase: every request that is already in the sockets joins this batch.
    setImmediate(flush);
  }

  function flush(): void {
    if (queue.length > gathered && turns < longestGathering) {
      gathered = queue.length;
      turns += 1;
      setImmediate(flush);
      return;
    }
    gathered = 0;
    turns = 0;
    scheduled = false;
    const batch = queue.slice(0, longestBatch);
    queue = queue.slice(longestBatch);
    const done = runBatch(driver, control, batch, beforeCommitHooks);
    for (const settle of done) settle();
    if (queue.length > 0) schedule();
    else for (const resolve of idle.splice(0)) resolve();
  }

  return {
    write<T>(work: (transaction: Transaction) => T, { patient = false }: WriteOptions = {}): Promise<T> {
      if (closed) return Promise.reject(new CommitError("The database is closing."));
      return new Promise<T>((resolve, reject) => {
        queue.push({ run: work, resolve, reject });
        if (patient) hold();
        else schedule();
      });
    },
    beforeCommit: (hook) => void beforeCommitHooks.push(hook),
    close() {
      closed = true;
      if (queue.length === 0) return Promise.resolve();
      schedule();
      return new Promise((resolve) => idle.push(resolve));
    },
  };
}

/** Prepared once: parsing them again for every write would cost more than they do. */
function prepareControl(driver: Driver) {
  const prepare = (sql: string): (() => void) => {
    const statement = driver.prepare(sql);
    return () => void statement.run();
  };
  return {
    begin: prepare("BEGIN IMMEDIATE"),
    commit: prepare("COMMIT"),
    rollback: prepare("ROLLBACK"),
    savepoint: prepare("SAVEPOINT one"),
    release: prepare("RELEASE one"),
    undo: prepare("ROLLBACK TO one"),
  };
}

/** Runs the batch and returns what settles its promises, hooks first. */
function runBatch(
  driver: Driver,
  control: ReturnType<typeof prepareControl>,
  batch: readonly Job[],
  beforeCommit: readonly (() => void)[],
): (() => void)[] {
  const outcomes: Outcome[] = [];
  const settle: (() => void)[] = [];
  try {
    control.begin();
    for (const job of batch) {
      const outcome: Outcome = { job, committed: [], undone: [] };
      control.savepoint();
      try {
        outcome.result = job.run({
          afterCommit: (hook) => void outcome.committed.push(hook),
          onRollback: (hook) => void outcome.undone.push(hook),
        });
        control.release();
        outcomes.push(outcome);
      } catch (error) {
        runHooks(outcome.undone);
        // SQLite rolls the whole transaction back by itself on some errors (full disk, I/O).
        if (!driver.inTransaction) throw error;
        control.undo();
        control.release();
        const reason = diskFaultOf(error) ? commitError(error) : error;
        settle.push(() => job.reject(reason));
      }
    }
    for (const hook of beforeCommit) hook();
    control.commit();
  } catch (error) {
    rollBack(driver, control);
    const reason = commitError(error);
    for (const outcome of outcomes) runHooks(outcome.undone);
    return batch.map((job) => () => job.reject(reason));
  }
  for (const outcome of outcomes) {
    settle.push(() => {
      runHooks(outcome.committed);
      outcome.job.resolve(outcome.result);
    });
  }
  return settle;
}

function commitError(cause: unknown): CommitError {
  return new CommitError("The change could not be written to disk, nothing of it was kept.", { cause });
}

/**
 * On a failing disk this may fail as well. The transaction then stays open, nothing of it is committed, and the next
 * batch comes by here again, since it cannot begin.
 */
function rollBack(driver: Driver, control: ReturnType<typeof prepareControl>): void {
  try {
    if (driver.inTransaction) control.rollback();
  } catch {
    // The waiting writes are told what failed first.
  }
}

/** A hook touches memory only and must not throw; one that does must not cost another write its answer. */
function runHooks(hooks: readonly (() => void)[]): void {
  for (const hook of hooks) {
    try {
      hook();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
