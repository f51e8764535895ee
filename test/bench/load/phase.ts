import { createHistogram, type Histogram } from "./histogram.ts";
import type { Outcome } from "./open-loop.ts";
import type { Site } from "./people.ts";

/** One row of the report: a load, laid on each target for some slices of time in turn. */
export interface Phase {
  readonly name: string;
  /** What is counted, in the singular. */
  readonly unit: string;
  /** How many a second is the figure, and the time of each only a remark. */
  readonly backlog: boolean;
  /** Whether the bare floor can take part. */
  readonly floor: boolean;
  /** Makes what the slices need; is not measured. Answers why the target cannot take part, if so. */
  prepare(site: Site): Promise<string | undefined>;
  slice(site: Site, options: { seconds: number; random: () => number }): Promise<Outcome>;
}

/** What the slices of a phase came to on one target. */
export interface Total {
  readonly latency: Histogram;
  readonly done: number;
  readonly failed: number;
  readonly perSecond: number;
  /** Of the server, in ms, for each of what was done. */
  readonly cpuMs: number;
  /** Of a backlog: bytes that the data folder grew by for each. */
  readonly diskBytes: number;
  /** MB at the end of the last slice. */
  readonly memory: number;
  readonly absent?: string;
}

const warmUpSeconds = 1;

/** Lays the phase on the targets in turn, slice by slice, so that what else the machine does meets all alike. */
export async function alternate(
  phase: Phase,
  sites: readonly Site[],
  options: { slices: number; seconds: number; random: (slice: number) => () => number },
): Promise<Map<Site, Total>> {
  const sums = new Map<
    Site,
    { latency: Histogram; failed: number; seconds: number; cpu: number; disk: number; absent?: string }
  >();
  for (const site of sites) {
    const absent = await phase.prepare(site);
    const sum = { latency: createHistogram(), failed: 0, seconds: 0, cpu: 0, disk: 0 };
    sums.set(site, absent === undefined ? sum : { ...sum, absent });
  }
  if (phase.backlog) {
    // What is compiled only after some hundred calls is not what a server does all day.
    for (const site of sites) await phase.slice(site, { seconds: warmUpSeconds, random: options.random(-1) });
  }
  for (let slice = 0; slice < options.slices; slice += 1) {
    // The one that begins is another each time.
    for (const site of slice % 2 === 0 ? sites : sites.toReversed()) {
      const sum = sums.get(site)!;
      if (sum.absent !== undefined) continue;
      const { probe } = site.target;
      const bytes = phase.backlog ? probe.diskBytes() : Number.NaN;
      const cpu = probe.cpuSeconds();
      const outcome = await phase.slice(site, { seconds: options.seconds, random: options.random(slice) });
      sum.cpu += probe.cpuSeconds() - cpu;
      if (phase.backlog) sum.disk += probe.diskBytes() - bytes;
      sum.latency.add(outcome.latency);
      sum.failed += outcome.failed;
      sum.seconds += outcome.seconds;
    }
  }
  return new Map(
    [...sums].map(([site, { latency, failed, seconds, cpu, disk, absent }]) => {
      const total: Total = {
        latency,
        done: latency.count,
        failed,
        perSecond: latency.count / seconds,
        cpuMs: (cpu * 1000) / latency.count,
        diskBytes: disk / latency.count,
        memory: site.target.probe.memory().now,
        ...(absent !== undefined && { absent }),
      };
      return [site, total];
    }),
  );
}
