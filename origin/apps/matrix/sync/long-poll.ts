import type { MatrixContext } from "../matrix-context.ts";
import type { SyncRequest } from "./sync-request.ts";
import type { SyncAnswer, SyncResult } from "./sync.ts";
import { createWaitingPlaces } from "./waiting-places.ts";

/** What one request may wait for, in ms: below the edge's idle limit of 100 s by far. */
export const longestWait = 30_000;

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
  const places = createWaitingPlaces();

  return async function longPoll({ sync, timeout, signal, checkSession }) {
    const first = compute(sync);
    if (first instanceof Promise) return everything(first, checkSession);
    let result = first;
    if (!result.empty || timeout <= 0) return result.answer;
    const { userId } = sync;
    const place = places.enter(`${userId} ${sync.deviceId}`, signal);
    // Not the clock, which may be set while we wait.
    const deadline = performance.now() + timeout;
    try {
      for (;;) {
        // Computing and registering are one uninterrupted step: no news can fall between the two.
        const wait = matrix.waiters.wait(userId, deadline - performance.now(), place.signal);
        if (!(await wait.woken)) return result.answer;
        checkSession();
        const next = compute({ ...sync, since: result.next });
        if (next instanceof Promise) return await everything(next, checkSession);
        result = next;
        if (!result.empty) return result.answer;
      }
    } finally {
      place.leave();
    }
  };
}

/** It took its time, in which others had their turn; and it is never empty. */
async function everything(result: Promise<SyncResult>, checkSession: () => void): Promise<SyncAnswer> {
  const { answer } = await result;
  checkSession();
  return answer;
}
