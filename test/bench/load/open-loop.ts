import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { createHistogram, type Histogram } from "./histogram.ts";

export interface Outcome {
  readonly latency: Histogram;
  readonly done: number;
  readonly failed: number;
  /** From the first due time to the last answer. */
  readonly seconds: number;
}

type Work = (index: number, client: number, dueAt: number) => Promise<void>;

/** Timers are late by up to a millisecond: the rest of the way to a due time is gone turn by turn. */
const timerSlack = 1.5;

/**
 * Open loop: each request is due at its time, whether or not those before it have been answered, and its latency
 * counts from then. A client does one thing at a time, as a real one does: what is due meanwhile waits, and the wait
 * counts (no coordinated omission). `arrivals` in ms from now.
 */
export async function runOpenLoop(options: {
  arrivals: readonly number[];
  clients: number;
  work: Work;
}): Promise<Outcome> {
  const { arrivals, clients, work } = options;
  const latency = createHistogram();
  let failed = 0;
  const queues: Promise<void>[] = Array.from({ length: clients }, () => Promise.resolve());
  const begun = performance.now();
  for (const [index, offset] of arrivals.entries()) {
    const due = begun + offset;
    await until(due);
    const client = index % clients;
    queues[client] = (queues[client] ?? Promise.resolve())
      .then(() => work(index, client, due))
      .then(
        () => latency.record(performance.now() - due),
        () => void (failed += 1),
      );
  }
  await Promise.all(queues);
  return { latency, done: latency.count, failed, seconds: (performance.now() - begun) / 1000 };
}

/** A backlog that never ends: each client sends its next request at the answer to the last one. What can be had. */
export async function runBacklog(options: {
  seconds: number;
  clients: number;
  work: Work;
}): Promise<Outcome> {
  const latency = createHistogram();
  let next = 0;
  let failed = 0;
  const begun = performance.now();
  const end = begun + options.seconds * 1000;
  const client = async (number: number): Promise<void> => {
    for (let at = performance.now(); at < end; at = performance.now()) {
      try {
        await options.work(next++, number, at);
        latency.record(performance.now() - at);
      } catch {
        failed += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: options.clients }, (_, number) => client(number)));
  return { latency, done: latency.count, failed, seconds: (performance.now() - begun) / 1000 };
}

async function until(due: number): Promise<void> {
  const left = due - performance.now();
  if (left > timerSlack) await pause(left - timerSlack);
  while (performance.now() < due) await turn();
}
