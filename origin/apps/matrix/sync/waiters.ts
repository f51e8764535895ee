/**
 * Who waits for news. A long-poll registers before it looks (so that nothing falls between), and is woken when
 * a fact that concerns its user is on disk. Lists are kept by user: a message wakes its room, not the server. A room's
 * id stands for those who wait for its events without being in it.
 */
export interface Waiters {
  /**
   * Something at `position` concerns these users: call after the commit. They are woken a turn later, when whoever did
   * it has been answered: clients are not made for hearing of their own join before the answer to it.
   */
  notify(userIds: Iterable<string>, position: number): void;
  /**
   * The last position known to concern the user: an incremental sync from there or later is empty. After a start
   * it is the server's position at that time, since nothing is remembered.
   */
  lastChange(userId: string): number;
  /** Resolves true on the next notification for the user, false at the time-out, abort or shutdown. */
  wait(userId: string, timeoutMs: number, signal?: AbortSignal): Wait;
  /** Ends every wait at once. */
  close(): void;
}

export interface Wait {
  readonly woken: Promise<boolean>;
  /** Ends the wait; without effect once it has ended. */
  cancel(): void;
}

/** What the answers begun in one turn of the event loop may take together, in ms: others wait for so long. */
const longestTurn = 20;
/** As many as are begun before it is known what one takes, and the fewest and the most then. */
const firstAtOnce = 16;
const fewestAtOnce = 8;
const mostAtOnce = 64;

export function createWaiters(startPosition: () => number): Waiters {
  const started = startPosition();
  const waiting = new Map<string, Set<(woken: boolean) => void>>();
  /** To be woken, in the order in which they were notified. */
  const due: ((woken: boolean) => void)[] = [];
  const changes = new Map<string, number>();
  let closed = false;
  let atOnce = firstAtOnce;

  /**
   * A message in a room of hundreds must not hold up everybody else: between its readers others get their turn. But
   * in that turn those who were answered ask again, which the next ones wait for: so as few turns as may be.
   */
  function wake(): void {
    const begun = performance.now();
    const woken = due.splice(0, atOnce);
    for (const end of woken) end(true);
    if (due.length > 0) setImmediate(wake);
    if (woken.length < fewestAtOnce) return;
    // Behind everything that they do in this turn: a tick comes after the microtasks that are there before it.
    queueMicrotask(() => process.nextTick(() => fit(woken.length, performance.now() - begun)));
  }

  /** Half of the way at a time: one slow turn (garbage, another process) says little. */
  function fit(answers: number, elapsed: number): void {
    const fitting = (answers * longestTurn) / Math.max(elapsed, 0.1);
    atOnce = Math.round(Math.max(fewestAtOnce, Math.min(mostAtOnce, (atOnce + fitting) / 2)));
  }

  return {
    notify(userIds, position) {
      const idle = due.length === 0;
      for (const userId of userIds) {
        if ((changes.get(userId) ?? 0) < position) changes.set(userId, position);
        const waits = waiting.get(userId);
        if (!waits) continue;
        waiting.delete(userId);
        due.push(...waits);
      }
      // One turn on: whoever did it is answered before those who hear of it.
      if (idle && due.length > 0) setImmediate(wake);
    },
    lastChange: (userId) => changes.get(userId) ?? started,
    wait(userId, timeoutMs, signal) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      if (closed || timeoutMs <= 0 || signal?.aborted) {
        resolve(false);
        return { woken: promise, cancel: () => {} };
      }
      const end = (woken: boolean): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", cancel);
        const waits = waiting.get(userId);
        if (waits?.delete(end) && waits.size === 0) waiting.delete(userId);
        resolve(woken);
      };
      const cancel = (): void => end(false);
      const timer = setTimeout(cancel, timeoutMs);
      signal?.addEventListener("abort", cancel, { once: true });
      let waits = waiting.get(userId);
      if (!waits) waiting.set(userId, (waits = new Set()));
      waits.add(end);
      return { woken: promise, cancel };
    },
    close() {
      closed = true;
      for (const waits of waiting.values()) for (const end of waits) end(false);
      for (const end of due.splice(0)) end(true);
    },
  };
}
