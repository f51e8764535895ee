import { createLine } from "../../../host/turns.ts";
import type { MailContext } from "../mail-context.ts";
import type { Delivery } from "./arrival.ts";
import { type ArrivalStore, createArrivalStore } from "./arrival-store.ts";
import { type MailBucket, MailBucketError, openMailBucket } from "./bucket.ts";
import { deliverArrivals, type DeliveryReport } from "./deliver-arrivals.ts";
import { fetchArrivals, type FetchReport } from "./fetch-arrivals.ts";
import { judgeArriving } from "./judge-arriving.ts";

/** What one drain did; while it runs, what it has done so far. */
export type DrainReport = FetchReport & DeliveryReport;

export interface ArrivingState {
  /** Whether there is a bucket at all. */
  readonly isOn: boolean;
  /** Of the drain that is under way. */
  readonly running: Readonly<DrainReport> | undefined;
  /** Of the last one that looked into the bucket and came to its end. Unix ms. */
  readonly last: { readonly endedAt: number; readonly report: Readonly<DrainReport> } | undefined;
  /** Why it does not, since when in Unix ms; undefined while it does. */
  readonly failing: { readonly since: number; readonly error: Error } | undefined;
}

/** What has arrived at the edge, on its way to the mailboxes. */
export interface Arriving {
  readonly arrivals: ArrivalStore;
  /** Begins to look into the bucket by itself. */
  start(): void;
  /** Something has arrived: looks soon. */
  wake(): void;
  /** Looks now, or once the look under way has ended, until all is delivered. Rejects with why it could not. */
  drain(): Promise<DrainReport>;
  state(): ArrivingState;
  /** After a change of the quarantine by the owner: what is out of it is delivered, and the alert is true again. */
  quarantineChanged(): void;
  /** Once the bucket has answered, or half a minute has passed. */
  looked(): Promise<void>;
  close(): Promise<void>;
}

/** Looks that wake-ups ask for are so far apart: each costs one List. */
const restMs = 2_000;
/** Without wake-ups; longer while nothing is found. A List is a dear operation of R2's: 43,200 a month are free. */
const pace = { shortestMs: 60_000, longestMs: 300_000, afterFailureMs: 15_000 };
const patienceMs = 30_000;
/** How long a repeat of what was delivered is recognised. */
const rememberedMs = 7 * 24 * 60 * 60 * 1000;
const saidEveryMs = 10_000;
const tidyEveryMs = 60 * 60 * 1000;

export function createArriving(
  mail: MailContext,
  options: {
    delivery: Delivery;
    bucketSecret: string | undefined;
    /** In the place of the one that the settings name. */
    bucket?: MailBucket;
  },
): Arriving {
  const { config, database, log, outbound, blobs, now } = mail;
  const { delivery } = options;
  const arrivals = createArrivalStore(database, now);
  const bucket =
    options.bucket ??
    (config.bucketUrl === ""
      ? undefined
      : openMailBucket({ config, secret: options.bucketSecret, outbound }));
  const judge = judgeArriving(mail, arrivals);
  const looked = Promise.withResolvers<void>();
  let running: DrainReport | undefined;
  let last: ArrivingState["last"];
  let failing: ArrivingState["failing"];
  let timer: NodeJS.Timeout | undefined;
  let waitMs = pace.shortestMs;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let saidAt = 0;
  let tidiedAt = Number.NEGATIVE_INFINITY;
  let isWoken = false;
  let isClosing = false;

  const delivering = createLine(async () => {
    const { delivered, quarantined, postponed } = await deliverArrivals({
      arrivals,
      delivery,
      log,
      now,
      isClosing: () => isClosing,
    });
    if (running) {
      running.delivered += delivered;
      running.quarantined += quarantined;
      running.postponed += postponed;
    }
    // A rule may have dropped a message, whose bytes nothing needs then.
    if (delivered > 0) mail.collectSoon();
  });
  /** One run and one that waits are enough: what lands meanwhile is the second one's. */
  let isDeliveryAwaited = false;
  function deliverSoon(): void {
    if (isDeliveryAwaited) return;
    isDeliveryAwaited = true;
    void delivering
      .ended()
      .then(() => {
        isDeliveryAwaited = false;
        return delivering.run();
      })
      // The drain's own run, at its end, meets the same and tells of it.
      .catch(() => {});
  }

  const looking = createLine(async () => {
    if (isClosing) return;
    lookedAt = saidAt = performance.now();
    const report = nothingYet();
    running = report;
    try {
      if (bucket) {
        const fetched = await fetchArrivals({
          bucket,
          blobs,
          arrivals,
          log,
          onLanded(soFar) {
            Object.assign(report, soFar);
            sayHowFar(report);
            deliverSoon();
          },
        });
        Object.assign(report, fetched);
      }
      await delivering.run();
      await tidy();
      last = { endedAt: now(), report };
      failing = undefined;
      looked.resolve();
      if (report.fetched > 0) log.info("mail.drained", { ...report });
    } catch (error) {
      if (isClosing) return;
      // What has landed before is delivered whatever the bucket says.
      await delivering.run().catch(() => {});
      noteFailure(error as Error);
      throw error;
    } finally {
      running = undefined;
      if (!isClosing) judge.after({ last, failing });
    }
  });

  /** A backlog of days takes minutes. */
  function sayHowFar({ fetched, bytes, delivered }: DrainReport): void {
    if (performance.now() - saidAt < saidEveryMs) return;
    saidAt = performance.now();
    log.info("mail.draining", { fetched, bytes, delivered });
  }

  function noteFailure(error: Error): void {
    const isNew = failing?.error.message !== error.message;
    failing = { since: failing?.since ?? now(), error };
    const isAway = error instanceof MailBucketError && error.fault === "unreachable";
    if (!isAway) looked.resolve();
    if (!isNew) return;
    // A line that is down is no news until an alert says so.
    if (isAway) log.info("mail.bucket-away", { reason: error.message });
    else log.warn("mail.drain-failed", { error });
  }

  async function tidy(): Promise<void> {
    if (performance.now() - tidiedAt < tidyEveryMs) return;
    tidiedAt = performance.now();
    await arrivals.forget(now() - rememberedMs);
  }

  async function drain(): Promise<DrainReport> {
    await looking.run();
    return last?.report ?? nothingYet();
  }

  /** By the timer or a wake-up; nobody waits for it. */
  async function look(): Promise<void> {
    const wasWoken = isWoken;
    isWoken = false;
    try {
      const { fetched } = await drain();
      // What the timer finds was not told of by a wake-up: they do not come through.
      waitMs = fetched > 0 && !wasWoken ? pace.shortestMs : Math.min(waitMs * 2, pace.longestMs);
    } catch {
      waitMs = failing && now() - failing.since > 10 * 60_000 ? pace.longestMs : pace.afterFailureMs;
    }
    schedule();
  }

  function schedule(): void {
    clearTimeout(timer);
    if (isClosing || !bucket) return;
    const rest = Math.max(0, lookedAt + restMs - performance.now());
    timer = setTimeout(() => void look(), isWoken ? rest : waitMs).unref();
  }

  return {
    arrivals,
    start() {
      // Without a bucket this delivers what has landed while there was one.
      void look();
    },
    wake() {
      if (isWoken) return;
      isWoken = true;
      schedule();
    },
    drain,
    quarantineChanged() {
      judge.quarantine();
      deliverSoon();
    },
    state: () => ({ isOn: bucket !== undefined, running, last, failing }),
    looked() {
      const late = setTimeout(looked.resolve, patienceMs).unref();
      return looked.promise.finally(() => clearTimeout(late));
    },
    async close() {
      isClosing = true;
      clearTimeout(timer);
      looked.resolve();
      bucket?.close();
      await looking.ended();
      await delivering.ended();
    },
  };
}

const nothingYet = (): DrainReport => ({
  fetched: 0,
  bytes: 0,
  repeated: 0,
  left: 0,
  oldestLeft: null,
  strays: 0,
  delivered: 0,
  quarantined: 0,
  postponed: 0,
});
