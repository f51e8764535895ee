import type { Log } from "../../../host/log.ts";
import { inParallel } from "../../../host/in-parallel.ts";
import { diskFaultOf } from "../../../storage/disk-fault.ts";
import { CommitError } from "../../../storage/writer.ts";
import { UnreadableMessageError } from "../message/message.ts";
import type { Delivery } from "./arrival.ts";
import type { ArrivalStore, KeptArrival } from "./arrival-store.ts";

export interface DeliveryReport {
  delivered: number;
  quarantined: number;
  /** Tries that failed and come again. */
  postponed: number;
}

/** Each waits for its turn in the reader's thread, and for the others' commit: the more share it, the less the index costs. */
const atOnce = { small: 32, large: 4 };
/** Bytes: what was read of as many small ones as that is in memory at once. */
const largestSmall = 100_000;
const aPage = 256;
/** Some two hours of them. What cannot be read is not read better by trying again. */
const mostTries = 8;
const firstWaitMs = 60_000;

/**
 * Delivers what has landed and whose time has come. One that cannot be delivered waits longer each time, or goes into
 * quarantine with its bytes; it never holds up another. Ends early, and throws, where the disk takes nothing.
 */
export async function deliverArrivals(options: {
  arrivals: ArrivalStore;
  delivery: Delivery;
  log: Log;
  now: () => number;
  /** Once true, what fails is not judged: what reads messages is being stopped. */
  isClosing: () => boolean;
}): Promise<DeliveryReport> {
  const { arrivals, delivery, log, now, isClosing } = options;
  const report: DeliveryReport = { delivered: 0, quarantined: 0, postponed: 0 };

  async function deliver(arrival: KeptArrival): Promise<void> {
    if (isClosing()) return;
    try {
      let isSettled = false;
      await delivery.deliver(arrival, (transaction) => {
        arrivals.settle(transaction, arrival.id);
        isSettled = true;
      });
      if (!isSettled) throw new Error("The delivery ended without an end.");
      report.delivered += 1;
    } catch (error) {
      if (isClosing()) return;
      // It is not the message's doing, and no try of it.
      if (error instanceof CommitError || diskFaultOf(error) !== undefined) throw error;
      await setAside(arrival, error);
    }
  }

  async function setAside({ id, attempts: before }: KeptArrival, fault: unknown): Promise<void> {
    const attempts = before + 1;
    const error = log.redact(fault instanceof Error ? fault.message : String(fault)).slice(0, 500);
    if (fault instanceof UnreadableMessageError || attempts >= mostTries) {
      await arrivals.quarantine(id, { attempts, error });
      log.warn("mail.quarantined", { arrival: id, attempts, error: fault });
      report.quarantined += 1;
      return;
    }
    await arrivals.postpone(id, { attempts, error, dueAt: now() + firstWaitMs * 2 ** before });
    log.warn("mail.not-delivered", { arrival: id, attempts, error: fault });
    report.postponed += 1;
  }

  while (!isClosing()) {
    const page = arrivals.due(now(), aPage);
    if (page.length === 0) break;
    await Promise.all([
      inParallel(
        page.filter(({ size }) => size <= largestSmall),
        atOnce.small,
        deliver,
      ),
      inParallel(
        page.filter(({ size }) => size > largestSmall),
        atOnce.large,
        deliver,
      ),
    ]);
  }
  return report;
}
