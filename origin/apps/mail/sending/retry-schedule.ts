const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** After the first try, the second and so on; the last one again and again. */
const waits = [1, 5, 15, 60, 240].map((minutes) => minutes * minuteMs);
/** Since it was to be sent: from then on its sender knows that it waits, and no further try is made. */
const tellsDelayAfterMs = 4 * hourMs;
const givesUpAfterMs = 3 * 24 * hourMs;

/** How long until the next try of what failed for now; `attempts` counts this one. */
export function waitAfter(attempts: number): number {
  return waits[Math.min(Math.max(attempts, 1), waits.length) - 1] ?? hourMs;
}

export const isLate = (sendAt: number, now: number): boolean => now - sendAt >= tellsDelayAfterMs;

export const isGivenUp = (sendAt: number, now: number): boolean => now - sendAt >= givesUpAfterMs;
