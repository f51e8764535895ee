/**
 * Times, kept as counts: a bucket is 1/64 of its power of two wide, so that a quantile is right within 1.6 % from a
 * microsecond to an hour, whatever the number of values.
 */
export interface Histogram {
  /** In ms; below a microsecond counts as one. */
  record(milliseconds: number): void;
  add(other: Histogram): void;
  readonly count: number;
  /** In ms, the upper end of the bucket that holds the value; NaN without any. `q` of 0 to 1. */
  quantile(q: number): number;
  readonly max: number;
  /** Only for `add`. */
  readonly counts: ReadonlyMap<number, number>;
}

const steps = 64;

export function createHistogram(): Histogram {
  const counts = new Map<number, number>();
  let count = 0;
  let max = Number.NaN;
  return {
    counts,
    get count() {
      return count;
    },
    get max() {
      return max;
    },
    record(milliseconds) {
      const bucket = bucketOf(milliseconds);
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
      count += 1;
      if (!(milliseconds <= max)) max = milliseconds;
    },
    add(other) {
      for (const [bucket, more] of other.counts) counts.set(bucket, (counts.get(bucket) ?? 0) + more);
      count += other.count;
      if (!(other.max <= max) && other.count > 0) max = other.max;
    },
    quantile(q) {
      const rank = Math.max(1, Math.ceil(q * count));
      let seen = 0;
      for (const [bucket, here] of [...counts].toSorted(([a], [b]) => a - b)) {
        seen += here;
        if (seen >= rank) return Math.min(upperEnd(bucket), max);
      }
      return Number.NaN;
    },
  };
}

function bucketOf(milliseconds: number): number {
  const microseconds = Math.max(1, milliseconds * 1000);
  const power = Math.floor(Math.log2(microseconds));
  return power * steps + Math.min(steps - 1, Math.floor((microseconds / 2 ** power - 1) * steps));
}

function upperEnd(bucket: number): number {
  const power = Math.floor(bucket / steps);
  return (2 ** power * (1 + ((bucket % steps) + 1) / steps)) / 1000;
}
