import type { Alerts } from "../alerts/alerts.ts";
import type { Log } from "../log.ts";
import { BackupError } from "./backup-error.ts";
import type { BackupHistory } from "./backup-history.ts";

/** What the schedule does at this moment. */
export type Due = "nothing" | "backup" | "drill";

const hour = 60 * 60 * 1000;
const day = 24 * hour;
/** A failed run is tried again after so long; a start is given so long before it catches up. */
const retryAfter = hour;
const settleFor = 10 * 60 * 1000;
/** Two nights missed and a morning: nobody needs to hear of a phone that was off for one night. */
const lateAfter = 2 * day + 6 * hour;

/** The last moment at or before `now` at which the clock of this machine showed `time` (`03:30`). */
export function lastTime(time: string, now: number): number {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  const moment = new Date(now);
  moment.setHours(hours, minutes, 0, 0);
  if (moment.getTime() > now) moment.setDate(moment.getDate() - 1);
  return moment.getTime();
}

/**
 * Whether a backup is due: by when the last one succeeded, and not by when the last was tried or the clock struck, so
 * that a night spent switched off is caught up. A success in the future was noted by a clock that was wrong.
 */
export function whatIsDue(options: {
  time: string;
  now: number;
  startedAt: number;
  history: Pick<BackupHistory, "last">;
}): Due {
  const { time, now, startedAt, history } = options;
  if (now - startedAt < settleFor) return "nothing";
  const past = (at: number | undefined): number => (at === undefined || at > now ? 0 : at);
  const succeeded = past(history.last("backup", true)?.startedAt);
  if (succeeded >= lastTime(time, now)) return "nothing";
  const tried = Math.max(past(history.last("backup")?.startedAt), past(history.last("drill")?.startedAt));
  if (now - tried < retryAfter && tried > succeeded) return "nothing";
  // A little less than a week, so that a drill a minute late does not move to the next night each time.
  const practised = past(history.last("drill", true)?.startedAt);
  return now - practised > 7 * day - 12 * hour ? "drill" : "backup";
}

/** Looks each minute whether something is due, and does it. `close` waits for nothing: what runs is interrupted. */
export function startSchedule(options: {
  time: string;
  history: BackupHistory;
  run: (what: "backup" | "drill") => Promise<void>;
  alerts: Pick<Alerts, "raise" | "clear">;
  log: Log;
  now: () => number;
}): { tick(): Promise<void>; close(): void } {
  const { time, history, alerts, log, now } = options;
  let startedAt = now();
  let running = false;
  /** In memory as well: on a full disk the history cannot note a failure, and would be asked again each minute. */
  let failedAt: number | undefined;
  let failures = 0;

  function watch(): void {
    const succeeded = history.last("backup", true)?.startedAt;
    const since = Math.max(succeeded ?? 0, succeeded === undefined ? startedAt : 0);
    if (now() - since > lateAfter) {
      alerts.raise({
        id: "backup-late",
        severity: "critical",
        title: "No backup was made for two days",
        detail: `${history.last("backup")?.detail || "None was tried."} "burrow backup create" makes one now and says what is wrong.`,
      });
    } else if (succeeded !== undefined) alerts.clear("backup-late");
    // Made by hand meanwhile, or by this schedule.
    if (succeeded !== undefined && failedAt !== undefined && succeeded > failedAt) {
      failedAt = undefined;
      failures = 0;
    }
    if (failures === 0 && history.last("backup")?.ok) alerts.clear("backup-failed");
  }

  /** One failure may be the network's; a second an hour later, or a full disk, needs a person. */
  function noteFailure(error: unknown): void {
    failedAt = now();
    failures += 1;
    const isFull = error instanceof BackupError && error.fault === "full";
    if (failures < 2 && !isFull) return;
    alerts.raise({
      id: "backup-failed",
      severity: "warning",
      title: isFull ? "No backup was made: the disk is full" : "The backup fails",
      detail: `${error instanceof Error ? error.message : String(error)} "burrow backup create" tries again.`,
    });
  }

  async function tick(): Promise<void> {
    if (running) return;
    const moment = now();
    // A clock set back: waiting for it to come by these again could take days.
    startedAt = Math.min(startedAt, moment);
    failedAt = failedAt === undefined ? undefined : Math.min(failedAt, moment);
    const waits = failedAt !== undefined && moment - failedAt < retryAfter;
    const due = waits ? "nothing" : whatIsDue({ time, now: moment, startedAt, history });
    if (due !== "nothing") {
      running = true;
      try {
        await options.run(due);
        failures = 0;
        if (due === "drill") alerts.clear("backup-drill-failed");
      } catch (error) {
        log.error("backup.failed", { what: due, error });
        noteFailure(error);
        if (due === "drill") {
          alerts.raise({
            id: "backup-drill-failed",
            severity: "critical",
            title: "The weekly practice restore failed",
            detail: `${error instanceof Error ? error.message : String(error)} "burrow backup drill" tries again.`,
          });
        }
      } finally {
        running = false;
      }
    }
    watch();
  }

  const timer = setInterval(() => void tick(), 60_000).unref();
  return { tick, close: () => clearInterval(timer) };
}
