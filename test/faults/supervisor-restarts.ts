/**
 * Restarts of a crashing service: `node test/faults/supervisor-restarts.ts [ROUNDS]` prints what each hundred of
 * them cost in memory. The short form runs in supervisor-restarts.test.ts.
 */
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Supervised } from "../host/supervisor/fixture.ts";

export interface Footprint {
  readonly restarts: number;
  /** Bytes of live objects, after a collection. */
  readonly heap: number;
  readonly rss: number;
  /** Open handles and requests of the event loop. */
  readonly resources: number;
}

/** Lets the service crash `rounds` times, with a clock that stands still in between. */
export async function crash(supervised: Supervised, from: number, rounds: number): Promise<Footprint> {
  for (let round = from + 1; round <= from + rounds; round += 1) {
    const line = await supervised.logged("service.ended", undefined, 1);
    supervised.forget();
    supervised.clock.advance(Number(line["retryInMs"]));
  }
  return measure(from + rounds);
}

function measure(restarts: number): Footprint {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, rss } = process.memoryUsage();
  return { restarts, heap: heapUsed, rss, resources: process.getActiveResourcesInfo().length };
}

async function main(): Promise<void> {
  const { supervise } = await import("../host/supervisor/fixture.ts");
  const cleanups: (() => unknown)[] = [];
  const rounds = Number(process.argv[2] ?? 1_000);
  const after = (work: () => unknown): void => void cleanups.push(work);
  const supervised = await supervise({ after }, { services: [{ name: "broken", command: ["/bin/false"] }] });
  for (let done = 0; done < rounds; done += 100) {
    const { restarts, heap, rss, resources } = await crash(supervised, done, Math.min(100, rounds - done));
    console.log(
      `${restarts} restarts: heap ${Math.round(heap / 1e3)} kB, RSS ${Math.round(rss / 1e6)} MB, ${resources} handles`,
    );
  }
  for (const cleanup of cleanups.toReversed()) await cleanup();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
