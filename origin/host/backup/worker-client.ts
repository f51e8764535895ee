import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { BackupError } from "./backup-error.ts";
import type { JobName, JobReply, JobRequest, WorkerJobs } from "./worker-jobs.ts";

/** The worker thread, from outside. */
export interface BackupWorker {
  /** Throws BackupError, also when the thread ends meanwhile. `onProgress`: bytes, of which total (0: unknown). */
  run<Name extends JobName>(
    job: Name,
    input: WorkerJobs[Name][0],
    onProgress?: (done: number, total: number) => void,
  ): Promise<WorkerJobs[Name][1]>;
  /** Ends the thread; what it was doing is left half-done, as after a kill. */
  close(): Promise<void>;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
  onProgress: ((done: number, total: number) => void) | undefined;
}

export function startBackupWorker(): BackupWorker {
  // Sources run as they are (.ts), the built form beside its own (.js).
  const file = import.meta.url.endsWith(".ts") ? "./backup-worker.ts" : "./backup-worker.js";
  // Bytes lie outside the heap: what is on it is small, and each collection of it frees much more. For new threads
  // alone; the limit of a Worker for the same is not heard where bin/burrow has given the process one.
  setFlagsFromString("--max-semi-space-size=1");
  const worker = new Worker(new URL(file, import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 128 },
  });
  worker.unref();
  const waiting = new Map<number, Waiting>();
  let ids = 0;
  let ended: Error | undefined;

  function settle(id: number): Waiting | undefined {
    const found = waiting.get(id);
    waiting.delete(id);
    // The process may end while nothing is asked of the thread.
    if (waiting.size === 0) worker.unref();
    return found;
  }

  function fail(error: Error): void {
    ended ??= error;
    for (const id of waiting.keys()) settle(id)?.reject(ended);
  }

  worker.on("message", (reply: JobReply) => {
    if (reply.kind === "progress") waiting.get(reply.id)?.onProgress?.(reply.done, reply.total);
    else if (reply.kind === "done") settle(reply.id)?.resolve(reply.result);
    else settle(reply.id)?.reject(new BackupError(reply.fault ?? "unusable", reply.message));
  });
  worker.on("error", (error) => fail(error instanceof Error ? error : new Error(String(error))));
  worker.on("exit", () => fail(new BackupError("unusable", "The backup was interrupted.")));

  return {
    run<Name extends JobName>(
      job: Name,
      input: WorkerJobs[Name][0],
      onProgress?: (done: number, total: number) => void,
    ): Promise<WorkerJobs[Name][1]> {
      if (ended) return Promise.reject(ended);
      const id = (ids += 1);
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject, onProgress });
        worker.ref();
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
        worker.postMessage({ id, job, input } satisfies JobRequest);
      });
    },
    async close() {
      await worker.terminate();
    },
  };
}
