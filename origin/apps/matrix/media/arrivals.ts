/** Requests that wait for a content that is being uploaded. */
export interface Arrivals {
  /** Resolves when the content has come, when the time is over, or when the signal or the end of the app calls it off. */
  wait(id: string, ms: number, signal: AbortSignal): Promise<void>;
  /** Wakes those who wait for it. */
  arrived(id: string): void;
  close(): void;
}

export function createArrivals(): Arrivals {
  const waiting = new Map<string, Set<() => void>>();
  return {
    wait(id, ms, signal) {
      if (ms <= 0 || signal.aborted) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      const places = waiting.get(id) ?? new Set();
      waiting.set(id, places.add(resolve));
      signal.addEventListener("abort", () => resolve(), { once: true });
      return promise.finally(() => {
        clearTimeout(timer);
        places.delete(resolve);
        if (places.size === 0) waiting.delete(id);
      });
    },
    arrived: (id) => waiting.get(id)?.forEach((wake) => wake()),
    close: () => waiting.forEach((places) => places.forEach((wake) => wake())),
  };
}
