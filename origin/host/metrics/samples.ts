import { monitorEventLoopDelay } from "node:perf_hooks";
import { type DeviceState, readDevice } from "./probes.ts";

/** One look at the device and at this process, taken once a minute. */
export interface Sample extends DeviceState {
  /** Unix milliseconds. */
  readonly time: number;
  /** Bytes of memory that this process holds. */
  readonly rss: number;
  /** Share of one processor that this process used since the sample before, 0 to 1 and more. */
  readonly cpu: number | null;
  /** Milliseconds by which the event loop was late since the sample before: the 99th percentile, and the worst. */
  readonly lagP99: number | null;
  readonly lagMax: number | null;
}

export interface Samples {
  /** Takes one now and returns it. */
  take(): Sample;
  /** The oldest first; at most those of the last 24 hours. */
  list(): Sample[];
  latest(): Sample | undefined;
  close(): void;
}

/** One a minute for a day: some 200 kB. */
const kept = 1_440;
const lagResolutionMs = 20;

export function createSamples(options: { dataDir: string; now: () => number }): Samples {
  const { dataDir, now } = options;
  const ring: Sample[] = [];
  let next = 0;
  const lag = startLag();
  let cpuBefore = process.cpuUsage();
  let cpuAt = process.hrtime.bigint();

  function takeCpu(): number | null {
    const usage = process.cpuUsage(cpuBefore);
    const at = process.hrtime.bigint();
    const elapsed = Number(at - cpuAt) / 1000;
    cpuBefore = process.cpuUsage();
    cpuAt = at;
    return elapsed > 0 ? (usage.user + usage.system) / elapsed : null;
  }

  return {
    take() {
      const sample: Sample = {
        time: now(),
        ...readDevice(dataDir),
        rss: process.memoryUsage.rss(),
        cpu: takeCpu(),
        lagP99: lag && lateness(lag.percentile(99)),
        lagMax: lag && lateness(lag.max),
      };
      lag?.reset();
      ring[next] = sample;
      next = (next + 1) % kept;
      return sample;
    },
    list: () => [...ring.slice(next), ...ring.slice(0, next)],
    latest: () => ring.at(next - 1),
    close: () => void lag?.disable(),
  };
}

function startLag() {
  try {
    const histogram = monitorEventLoopDelay({ resolution: lagResolutionMs });
    histogram.enable();
    return histogram;
  } catch {
    return null;
  }
}

/** The histogram has whole intervals in nanoseconds; an empty one's maximum is 0. */
function lateness(nanoseconds: number): number {
  return Math.max(0, Math.round(nanoseconds / 1e6) - lagResolutionMs);
}
