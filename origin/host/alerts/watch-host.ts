import type { Database } from "../../storage/database.ts";
import { noteFact } from "../facts.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Alerts } from "./alerts.ts";
import { judgeHost } from "./judge-host.ts";

const everyMs = 60_000;

/** The name of the fact that holds the id of the key that the edge signs with. */
export const edgeKeyInUse = "edge-key-in-use";

/**
 * Looks at the host once a minute: keeps the samples, raises and clears the alerts that follow from them, and notes
 * which edge key is in use. Other parts raise theirs themselves.
 */
export function watchHost(options: {
  alerts: Alerts;
  metrics: Metrics;
  database: Database;
  /** Seconds by which this clock is ahead of the edge's; null while nothing is known. */
  clockSkew: () => number | null;
  log: Log;
}): { close(): void } {
  const { alerts, metrics, database, clockSkew, log } = options;
  let keyNoted: string | undefined;

  async function look(): Promise<void> {
    metrics.samples.take();
    const { raise, clear } = judgeHost(metrics.samples.list().slice(-10), clockSkew());
    for (const alert of raise) alerts.raise(alert);
    for (const id of clear) alerts.clear(id);
    const key = metrics.lastKey();
    if (key && key.keyid !== keyNoted) {
      await noteFact(database, edgeKeyInUse, { value: key.keyid, notedAt: key.at });
      keyNoted = key.keyid;
    }
  }

  function lookSafely(): void {
    look().catch((error: unknown) => log.error("host.watch-failed", { error }));
  }

  lookSafely();
  const timer = setInterval(lookSafely, everyMs);
  timer.unref();
  return { close: () => clearInterval(timer) };
}
