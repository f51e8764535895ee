import { existsSync } from "node:fs";
import type { Alerts } from "../alerts/alerts.ts";
import type { Log } from "../log.ts";
import type { Schedule } from "./service.ts";

/** Android 12 and later kills what an app has started beyond 32 processes, all apps together (H3). */
export const processLimit = 32;
export const manyProcesses = 24;
const tooManyProcesses = 30;
const everyMs = 300_000;

/** Also inside a proot, where Node says "linux". */
export function isAndroid(): boolean {
  return process.platform === "android" || existsSync("/system/bin/app_process");
}

/** Counts the processes now and then, and tells before Android counts them. Returns what ends it. */
export function watchProcesses(options: {
  count: () => Promise<number | null>;
  alerts: Alerts;
  log: Log;
  schedule: Schedule;
  android?: boolean;
}): () => void {
  const { count, alerts, log, schedule, android = isAndroid() } = options;
  let cancel = again();

  function again(): () => void {
    return schedule(everyMs, () => {
      void look().catch((error: unknown) => log.error("supervisor.count-failed", { error }));
      cancel = again();
    });
  }

  async function look(): Promise<void> {
    const processes = await count();
    if (processes === null || !android) return;
    if (processes <= manyProcesses) return alerts.clear("process-count");
    alerts.raise({
      id: "process-count",
      severity: processes > tooManyProcesses ? "critical" : "warning",
      title: "Many processes",
      detail: `${processes} processes run, and Android ends them at random beyond ${processLimit}. Stop services that are not needed; docs/phone.md tells how to lift the limit.`,
    });
  }

  return () => cancel();
}
