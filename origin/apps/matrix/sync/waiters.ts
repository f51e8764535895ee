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

/** Answers begun in one turn of the event loop: some milliseconds, also on a phone. */
const mostAtOnce = 16;

export function createWaiters(startPosition: () => number): Waiters {
  const started = startPosition();
  const waiting = new Map<string, Set<(woken: boolean) => void>>();
  /** To be woken, in the order in which they were notified. */
  const due: ((woken: boolean) => void)[] = [];
  const changes = new Map<string, number>();
  let closed = false;

  /** A message in a room of hundreds must not hold up everybody else: between its readers others get their turn. */
  function wake(): void {
    for (const end of due.splice(0, mostAtOnce)) end(true);
    if (due.length > 0) setImmediate(wake);
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
