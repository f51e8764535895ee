/** How many wrong tries one source has, and what comes after them. Times are milliseconds. */
export interface Allowance {
  /** So many wrong tries cost no waiting. */
  readonly free: number;
  /** The wait after the next one; it doubles with each further one. */
  readonly firstDelay: number;
  readonly longestDelay: number;
  /** One wrong try is forgotten in so long a time: in the long run this is what a source gets. */
  readonly forgiveAfter: number;
}

/** What a source has used up: the wrong tries that still count, as of the last one. */
export interface Spent {
  readonly failures: number;
  /** Unix milliseconds. */
  readonly at: number;
}

export const nothingSpent: Spent = { failures: 0, at: 0 };

/** The wrong tries that count at `now`, which is not before the last of them. */
export function failuresAt(spent: Spent, allowance: Allowance, now: number): number {
  return Math.max(0, spent.failures - Math.max(0, now - spent.at) / allowance.forgiveAfter);
}

/** What was used up, where the clock has been set back since: as if it were just now, so that nobody waits for longer. */
export function notAhead(spent: Spent, now: number): Spent {
  return spent.at > now ? { failures: spent.failures, at: now } : spent;
}

/** In how many milliseconds the next try may come: 0 for now. */
export function waitOf(spent: Spent, allowance: Allowance, now: number): number {
  const delay = delayAfter(spent.failures, allowance);
  return Math.max(0, Math.ceil(delay - Math.max(0, now - spent.at)));
}

/** One more wrong try. */
export function spendOne(spent: Spent, allowance: Allowance, now: number): Spent {
  const { free, firstDelay, longestDelay } = allowance;
  // More than what makes the longest delay would only lengthen the time until it is forgotten.
  const most = free + Math.ceil(Math.log2(longestDelay / firstDelay)) + 1;
  return { failures: Math.min(most, failuresAt(spent, allowance, now) + 1), at: now };
}

function delayAfter(failures: number, { free, firstDelay, longestDelay }: Allowance): number {
  if (failures < free) return 0;
  return Math.min(longestDelay, firstDelay * 2 ** (failures - free));
}
