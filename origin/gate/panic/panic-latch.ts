import { type PanicLevel, strongestPanic } from "../../../shared/panic.ts";
import { watchDataVersion } from "../../storage/data-version.ts";
import type { Database } from "../../storage/database.ts";

/** What the device can close, and open again. */
export type LatchLevel = Exclude<PanicLevel, "lost">;

/** What is in force, and since when in Unix milliseconds. */
export interface Latched {
  readonly level: LatchLevel;
  readonly since: number;
}

/** The panic latch (E8): on disk before anybody is told that it is in force, and let go of by `clear` alone. */
export interface PanicLatch {
  /** What is in force now, whichever process said so, within a millisecond: asked for each request, twice. */
  level(): LatchLevel;
  latched(): Latched;
  /** Puts a level in force. A stronger one that is in force stays; the answer says what is. */
  set(level: Exclude<LatchLevel, "none">): Promise<Latched>;
  clear(): Promise<void>;
  /** Called once another level is in force, within a second where another process wrote it. Returns the undo. */
  onChange(listener: (level: LatchLevel) => void): () => void;
  /** Stops looking; the database stays the caller's. */
  close(): void;
}

/** How soon a change by the command line is noticed where nothing asks meanwhile, in ms. */
const pollMs = 500;

export function createPanicLatch(database: Database, now: () => number): PanicLatch {
  const select = database.prepare<Latched>("SELECT level, since FROM latch WHERE one = 1");
  const update = database.prepare("UPDATE latch SET level = ?, since = ? WHERE one = 1");
  const hasChanged = watchDataVersion(database);
  const listeners = new Set<(level: LatchLevel) => void>();

  let current = read();
  /** Another process has written, and it could not be read what. */
  let isUnread = false;
  let timer: NodeJS.Timeout | undefined;

  function read(): Latched {
    const row = select.get();
    // Nobody takes the row away; where somebody has, it was not to open anything.
    return row ?? { level: "hard", since: now() };
  }

  function adopt(next: Latched): void {
    const isOther = next.level !== current.level;
    current = next;
    if (isOther) for (const listener of listeners) listener(next.level);
  }

  function look(): Latched {
    try {
      isUnread ||= hasChanged();
      if (isUnread) adopt(read());
      isUnread = false;
    } catch {
      // A disk that cannot be read lets go of nothing, and closes nothing either.
    }
    return current;
  }

  async function write(choose: (before: Latched) => LatchLevel): Promise<Latched> {
    return await database.write((transaction) => {
      const before = read();
      const level = choose(before);
      const next = level === before.level ? before : { level, since: now() };
      update.run(next.level, next.since);
      transaction.afterCommit(() => adopt(next));
      return next;
    });
  }

  return {
    level: () => look().level,
    latched: look,
    // Without `lost` among those given none comes of it.
    set: (level) => write((before) => strongestPanic(before.level, level) as LatchLevel),
    async clear() {
      await write(() => "none");
    },
    onChange(listener) {
      listeners.add(listener);
      timer ??= setInterval(look, pollMs).unref();
      return () => void listeners.delete(listener);
    },
    close() {
      clearInterval(timer);
      listeners.clear();
    },
  };
}
