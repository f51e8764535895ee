import assert from "node:assert/strict";
import { test } from "node:test";

import type { Alert, Alerts } from "../../../origin/host/alerts/alerts.ts";
import { createLog } from "../../../origin/host/log.ts";
import { watchProcesses } from "../../../origin/host/supervisor/watch-processes.ts";
import { createClock } from "./fixture.ts";

/** What is raised and cleared while the count goes through these figures, five minutes apart. */
async function watch(counts: readonly (number | null)[], android: boolean): Promise<(string | undefined)[]> {
  const clock = createClock();
  const told: (string | undefined)[] = [];
  const alerts: Pick<Alerts, "raise" | "clear"> = {
    raise: ({ id, severity, detail }: Alert) =>
      void told.push(`${id} ${severity} ${/^\d+/.exec(detail)?.[0]}`),
    clear: (id) => void told.push(`${id} cleared`),
  };
  const log = createLog({ level: "error", now: Date.now, write: () => {} });
  const left = [...counts];
  const stop = watchProcesses({
    count: async () => left.shift() ?? null,
    alerts: alerts as Alerts,
    log,
    schedule: clock.schedule,
    android,
  });
  for (let look = 0; look < counts.length; look += 1) {
    clock.advance(300_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stop();
  clock.advance(300_000);
  return told;
}

test("on a phone many processes are told before Android counts them", async () => {
  assert.deepEqual(await watch([24, 25, 30, 31, null, 24], true), [
    "process-count cleared",
    "process-count warning 25",
    "process-count warning 30",
    "process-count critical 31",
    "process-count cleared",
  ]);
});

test("elsewhere nobody counts them", async () => {
  assert.deepEqual(await watch([31, 100], false), []);
});
