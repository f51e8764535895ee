/**
 * Counts the changes of what lives in memory only: typing notices and presence. It starts at the clock, so that a
 * token of before a restart is never newer than today's.
 */
export interface EphemeralSerial {
  /** Takes the number of the next change. */
  next(): number;
  /** The number of the last change. */
  last(): number;
}

export function createEphemeralSerial(now: () => number): EphemeralSerial {
  let last = now();
  return { next: () => ++last, last: () => last };
}
