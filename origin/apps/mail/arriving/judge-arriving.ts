import type { Alert } from "../../../host/alerts/alert.ts";
import type { MailContext } from "../mail-context.ts";
import type { ArrivalStore } from "./arrival-store.ts";
import type { ArrivingState } from "./arriving.ts";
import { MailBucketError } from "./bucket.ts";

/** What waits longer, or more than so many, is told of: weeks before a lifecycle of the bucket would delete it. */
export const backlogLimits = { ageMs: 24 * 60 * 60 * 1000, messages: 1_000 };
/** The line of a home is down now and then. */
const unreachableMs = 60 * 60 * 1000;

/** What waits, in the bucket and here. */
export function backlogOf(
  { last }: Pick<ArrivingState, "last">,
  arrivals: ArrivalStore,
): { messages: number; oldest: number | null } {
  const { landed, oldest } = arrivals.counts();
  const { left = 0, oldestLeft = null } = last?.report ?? {};
  const times = [oldest, oldestLeft].filter((time) => time !== null);
  return { messages: landed + left, oldest: times.length === 0 ? null : Math.min(...times) };
}

/** Tells the owner of what does not come in, and that it does again. */
export function judgeArriving({ alerts, now }: Pick<MailContext, "alerts" | "now">, arrivals: ArrivalStore) {
  const known = new Map<string, boolean>();
  /** Raised while it holds; the alert port keeps one of each. What never was is cleared once, and not every minute. */
  function hold(isSo: boolean, alert: Alert): void {
    if (isSo) alerts.raise(alert);
    else if (known.get(alert.id) !== false) alerts.clear(alert.id);
    known.set(alert.id, isSo);
  }

  function judgeQuarantine(): void {
    const { quarantined } = arrivals.counts();
    hold(quarantined > 0, {
      id: "mail-quarantine",
      severity: "warning",
      title: "A message could not be put into a mailbox",
      detail:
        '"burrow mail quarantine list" shows which and why; "burrow mail quarantine save ID" gives it to you as a file.',
    });
  }

  return {
    /** After each look into the bucket. */
    after({ last, failing }: Pick<ArrivingState, "last" | "failing">): void {
      const isUnreachable =
        failing?.error instanceof MailBucketError && failing.error.fault === "unreachable";
      const isClosed = failing?.error instanceof MailBucketError && failing.error.fault === "closed";
      const isOverdue = failing !== undefined && now() - failing.since >= unreachableMs;
      hold(failing !== undefined && !isClosed && (!isUnreachable || isOverdue), {
        id: "mail-bucket",
        severity: "critical",
        title: "Mail is not fetched",
        detail: failing?.error.message ?? "",
      });
      const { messages, oldest } = backlogOf({ last }, arrivals);
      const isOld = oldest !== null && now() - oldest > backlogLimits.ageMs;
      hold(isOld || messages > backlogLimits.messages, {
        id: "mail-backlog",
        severity: "critical",
        title: "Mail waits and does not come in",
        detail: `${messages} messages have arrived and are in no mailbox${oldest === null ? "" : `, the oldest since ${new Date(oldest).toISOString()}`}. "burrow mail status" and "burrow doctor" say why.`,
      });
      judgeQuarantine();
    },
    /** After a change of the quarantine. */
    quarantine: judgeQuarantine,
  };
}
