import type { MatrixContext } from "../matrix-context.ts";
import type { SyncRequest } from "./sync-request.ts";
import type { SyncAnswer, SyncResult } from "./sync.ts";

/** What one request may wait for, in ms: below the edge's idle limit of 100 s by far. */
export const longestWait = 30_000;

/**
 * Clients that went away without our hearing of it must not pile up: the edge does not always pass an abort on.
 */
const mostOfDevice = 8;

export interface WaitRequest {
  readonly sync: SyncRequest;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Throws when the session has ended since. */
  readonly checkSession: () => void;
}

/** Answers at once when there is news, otherwise as soon as there is, and empty at the time-out. */
export function createLongPoll(
  matrix: MatrixContext,
  compute: (request: SyncRequest) => SyncResult | Promise<SyncResult>,
): (request: WaitRequest) => Promise<SyncAnswer> {
  const waiting = new Map<string, AbortController[]>();

  function enter(device: string): AbortController {
    const controller = new AbortController();
    const queue = waiting.get(device);
    if (!queue) {
      waiting.set(device, [controller]);
      return controller;
    }
    queue.push(controller);
    if (queue.length > mostOfDevice) queue.shift()?.abort();
    return controller;
  }

  function leave(device: string, controller: AbortController): void {
    const queue = waiting.get(device);
    const place = queue?.indexOf(controller) ?? -1;
    if (place >= 0) queue?.splice(place, 1);
    if (queue?.length === 0) waiting.delete(device);
  }

  return async function longPoll({ sync, timeout, signal, checkSession }) {
    const first = compute(sync);
    if (first instanceof Promise) return everything(first);
    let result = first;
    if (!result.empty || timeout <= 0) return result.answer;
    // It took its time, others had their turn, and it is never empty.
    async function everything(result: Promise<SyncResult>): Promise<SyncAnswer> {
      const { answer } = await result;
      checkSession();
      return answer;
    }

    const { userId } = sync;
    const device = `${userId} ${sync.deviceId}`;
    const place = enter(device);
    const ended = (): void => place.abort();
    signal.addEventListener("abort", ended, { once: true });
    // Not the clock, which may be set while we wait.
    const deadline = performance.now() + timeout;
    try {
      for (;;) {
        // Computing and registering are one uninterrupted step: no news can fall between the two.
        const wait = matrix.waiters.wait(userId, deadline - performance.now(), place.signal);
        if (!(await wait.woken)) return result.answer;
        checkSession();
        const next = compute({ ...sync, since: result.next });
        if (next instanceof Promise) return await everything(next);
        result = next;
        if (!result.empty) return result.answer;
      }
    } finally {
      signal.removeEventListener("abort", ended);
      leave(device, place);
    }
  };
}
