import type { Transaction } from "../../../storage/writer.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { MatrixError } from "../matrix-error.ts";
import type { Job, JobStep } from "./jobs.ts";

/**
 * Does one small part of a job inside the write that also notes how far it is: killed in between, it goes on exactly
 * there. Throws MatrixError where the job cannot be done at all.
 */
export type JobKind = (matrix: MatrixContext, transaction: Transaction, job: Job) => JobStep;

export interface JobRunner {
  /** Stops after the write that is under way; the rest follows after the next start. */
  close(): Promise<void>;
}

const retryAfterMs = 5000;

/** Does the jobs one after the other, from the oldest on; also those that an earlier run of the server left. */
export function runJobs(matrix: MatrixContext, kinds: Readonly<Record<string, JobKind>>): JobRunner {
  const { database, jobs, log } = matrix;
  let running: Promise<void> | undefined;
  let closed = false;
  let retry: NodeJS.Timeout | undefined;

  /** False: there is nothing to do. */
  function doStep(transaction: Transaction): boolean {
    // Looked up inside the write: it may have been cancelled meanwhile.
    const job = jobs.next();
    if (!job) return false;
    const kind = kinds[job.kind];
    if (!kind) throw new JobFailure(job, `This Burrow knows no job ${job.kind}.`);
    try {
      jobs.advance(transaction, job, kind(matrix, transaction, job));
    } catch (error) {
      throw error instanceof MatrixError ? new JobFailure(job, error.message) : error;
    }
    return true;
  }

  async function work(): Promise<void> {
    for (;;) {
      if (closed) return;
      try {
        if (!(await database.write(doStep))) return;
      } catch (error) {
        if (!(error instanceof JobFailure)) throw error;
        const { job, message } = error;
        log.warn("matrix.job.failed", { id: job.id, kind: job.kind, error: message });
        await database.write((transaction) => jobs.fail(transaction, job, message));
      }
    }
  }

  function start(): void {
    if (running || closed) return;
    clearTimeout(retry);
    running = work()
      .catch((error: unknown) => {
        log.error("matrix.job.interrupted", { error });
        if (!closed) retry = setTimeout(start, retryAfterMs).unref();
      })
      .finally(() => {
        running = undefined;
      });
  }

  // One that is added just as the last look found nothing would wait for the next.
  jobs.onAdded(() => (running ? void running.then(start) : start()));
  start();
  return {
    async close() {
      closed = true;
      clearTimeout(retry);
      await running;
    },
  };
}

/** The job cannot be done: trying again would not help. */
class JobFailure extends Error {
  readonly job: Job;
  constructor(job: Job, message: string) {
    super(message);
    this.job = job;
  }
}
