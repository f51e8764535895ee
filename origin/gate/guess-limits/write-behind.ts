import type { Spent } from "../../../shared/guess-budget.ts";
import type { Database } from "../../storage/database.ts";
import { inSmallWrites } from "../../storage/small-writes.ts";
import type { ThrottleStore } from "./throttle-store.ts";

/** Takes changed budgets to the disk, some seconds later and together; and what the owner has cleared to memory. */
export interface WriteBehind {
  note(key: string, spent: Spent | undefined): void;
  close(): Promise<void>;
}

/**
 * A flood of wrong tries costs one write in so many ms. A kill -9 forgets what was tried within them, at most: of one
 * source no more than its free tries and one, as every further one comes this long after the one before.
 */
export const writtenAfter = 5_000;
/** So many at most wait to be written; a flood from ever new sources is then written as it comes. */
const mostUnwritten = 5_000;
const writtenAtOnce = 1_000;
const lookEvery = 1_000;
const day = 24 * 60 * 60 * 1000;

export function startWriteBehind(options: {
  database: Database;
  store: ThrottleStore;
  /** Inside a write, at the start and then daily. */
  tidy: () => void;
  clear: (what: string) => void;
  onError: (error: unknown) => void;
}): WriteBehind {
  const { database, store, tidy, clear, onError } = options;
  let dirty = new Map<string, Spent | undefined>();
  let writing = false;
  let refused = false;
  let timer: NodeJS.Timeout | undefined;

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing = true;
    const batch = dirty;
    dirty = new Map();
    try {
      const changes = [...batch];
      await inSmallWrites(database, () => {
        const some = changes.splice(0, writtenAtOnce);
        for (const [key, spent] of some) {
          if (spent === undefined) store.remove(key);
          else store.put(key, spent);
        }
        return changes.length > 0;
      });
      refused = false;
    } catch (error) {
      onError(error);
      refused = true;
      // Newer ones win; the rest is tried again. On a disk that stays full what is too much is lost with the next start.
      if (batch.size > mostUnwritten * 2) return;
      for (const [key, spent] of batch) if (!dirty.has(key)) dirty.set(key, spent);
    } finally {
      writing = false;
    }
  }

  function look(): void {
    if (!store.changedElsewhere()) return;
    const clearings = store.clearings();
    const last = clearings.at(-1);
    if (!last) return;
    for (const { what } of clearings) clear(what);
    database.write(() => store.done(last.seq)).catch(onError);
  }

  const tidyNow = (): void => void database.write(tidy).catch(onError);
  tidyNow();
  look();
  const daily = setInterval(tidyNow, day).unref();
  const looking = setInterval(look, lookEvery).unref();

  return {
    note(key, spent) {
      dirty.set(key, spent);
      if (dirty.size < mostUnwritten || refused)
        timer ??= setTimeout(() => void flush(), writtenAfter).unref();
      else if (!writing) void flush();
    },
    async close() {
      clearInterval(daily);
      clearInterval(looking);
      clearTimeout(timer);
      await flush();
    },
  };
}
