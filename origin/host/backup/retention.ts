/** How many of each to keep: the newest of a day, of a week, of a month. */
export interface Retention {
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
}

const day = 24 * 60 * 60 * 1000;

/**
 * The archives that may go, of a list with the oldest first. For each of the last `daily` days that have one the newest stays, the same for weeks
 * (from Monday) and months, all in UTC. What was made in the day before `now` stays too, whoever made it: its maker
 * may be about to use it; and so does the newest of all.
 */
export function expired<Archive extends { readonly createdAt: number }>(
  archives: readonly Archive[],
  retention: Retention,
  now: number,
): Archive[] {
  const newestFirst = archives.toReversed();
  const kept = new Set<Archive>(
    newestFirst.filter((archive, index) => index === 0 || archive.createdAt > now - day),
  );
  const rules: [number, (time: number) => string | number][] = [
    [retention.daily, (time) => Math.floor(time / day)],
    // 1970-01-01 was a Thursday.
    [retention.weekly, (time) => Math.floor((time / day + 3) / 7)],
    [retention.monthly, (time) => new Date(time).toISOString().slice(0, 7)],
  ];
  for (const [count, periodOf] of rules) {
    const periods = new Set<string | number>();
    for (const archive of newestFirst) {
      const period = periodOf(archive.createdAt);
      if (periods.has(period)) continue;
      if (periods.size >= count) break;
      periods.add(period);
      kept.add(archive);
    }
  }
  return newestFirst.filter((archive) => !kept.has(archive));
}
