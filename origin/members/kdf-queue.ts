import { MembersError } from "./members.ts";

/** Whose turn it is: turns go round by source, so that one that asks for many holds up nobody but itself. */
export interface KdfTurn {
  /** The network that asks, or whatever else shares one place in the round. */
  readonly source: string;
  /** Known from before: kept from being crowded out by strangers. */
  readonly known?: boolean;
}

/** Runs few derivations at a time: each takes 19 MiB and a core, and sign-ins must not starve the rest. */
export interface KdfQueue {
  /** Waits for a turn, then runs `work`. Throws busy at once when too many wait already. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createKdfQueue(options: { concurrency: number; longest: number }): KdfQueue {
  let running = 0;
  const waiting: (() => void)[] = [];

  return {
    async run(work) {
      if (running < options.concurrency) running += 1;
      else {
        if (waiting.length >= options.longest) {
          throw new MembersError(
            "busy",
            "Too many people are signing in just now. Try again in a few seconds.",
          );
        }
        // The one who leaves hands its turn over, so that nobody slips in between.
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next) next();
        else running -= 1;
      }
    },
  };
}
