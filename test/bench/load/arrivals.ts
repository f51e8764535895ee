/** Numbers from 0 up to 1, the same ones for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * When requests are due, in ms from the start: a Poisson process of so many a second, as independent people make it.
 * The number of arrivals is that of the rate, so that two runs do the same work.
 */
export function planArrivals(options: {
  perSecond: number;
  seconds: number;
  random: () => number;
}): number[] {
  const { perSecond, seconds, random } = options;
  const count = Math.round(perSecond * seconds);
  // Given their number, the arrivals of a Poisson process are spread evenly and independently.
  return Array.from({ length: count }, () => random() * seconds * 1000).toSorted((a, b) => a - b);
}
