import type { Alerts } from "../alerts/alerts.ts";
import type { Log } from "../log.ts";
import type { Child } from "./child.ts";
import {
  describeAddress,
  type Schedule,
  type Service,
  type ServiceState,
  type ServiceStatus,
} from "./service.ts";

/** What the check of a service's listeners found. */
export interface Verdict {
  readonly method: "kernel" | "sweep";
  readonly processes: number;
  readonly sockets: readonly string[];
  /** Why it may not go on; undefined: it may. */
  readonly fault: string | undefined;
  /** A finding that counts only when it lasts: look again soon. */
  readonly lookAgain: boolean;
}

/** One service, kept running (H4). */
export interface Runner {
  readonly service: Service;
  status(): ServiceStatus;
  /** Starts it for the first time or after a hold, when the services before it are healthy. */
  begin(): void;
  /** Stops it until `begin`. Resolves when nothing of it is left. */
  hold(): Promise<void>;
  /** Stops it and starts it anew, with a clean slate. Resolves when it has been started. */
  restart(): Promise<void>;
  /** Stops it for good. Resolves when nothing of it is left. */
  close(): Promise<void>;
}

const healthyMs = 60_000;
const shortestDelayMs = 1_000;
const longestDelayMs = 300_000;
const failuresUntilDegraded = 5;
/** How often a service that starts is asked, and for how long; then how often one that runs is. */
const startProbeMs = 1_000;
const startLimitMs = 60_000;
const probeMs = 30_000;
const probesUntilRestart = 3;
/** Between SIGTERM and SIGKILL. */
const graceMs = 5_000;
/** H1: after each start, and for as long as it runs. */
const auditAfterMs = [5_000, 30_000];
const auditEveryMs = 3_600_000;
const lookAgainMs = 15_000;

export function createRunner(options: {
  service: Service;
  start: () => Child;
  /** Undefined: healthy. */
  probe: (() => Promise<string | undefined>) | undefined;
  /** Why it may not be started at all; undefined: it may. */
  mayStart: () => Promise<string | undefined>;
  audit: (pid: number | undefined, confirms: boolean) => Promise<Verdict>;
  schedule: Schedule;
  now: () => number;
  alerts: Alerts;
  log: Log;
  /** Its state or its process is another one now. */
  changed: () => void;
}): Runner {
  const { service, schedule, now, alerts, log } = options;
  const { name } = service;
  const degradedAlert = `service-degraded:${name}`;
  const refusedAlert = `service-refused:${name}`;

  let state: ServiceState = "waiting";
  let detail =
    service.startAfter.length > 0 ? `Waits for ${service.startAfter.join(" and ")}.` : "Waits for its turn.";
  let child: Child | undefined;
  let startedAt: number | null = null;
  let starts = 0;
  let failures = 0;
  let processes = 0;
  let sockets: readonly string[] = [];
  let auditMethod: "kernel" | "sweep" | null = null;
  let closed = false;
  let held = false;
  /** What is wrong with a child that runs and is of no use, from then on until it has ended. */
  let unhealthy: string | undefined;
  /** Why the child is being stopped, when that is our doing. */
  let stopping: Promise<void> | undefined;
  const timers = new Map<string, () => void>();

  function after(timer: string, ms: number, work: () => void): void {
    timers.get(timer)?.();
    timers.set(timer, schedule(ms, work));
  }

  function cancelTimers(): void {
    for (const cancel of timers.values()) cancel();
    timers.clear();
  }

  function become(next: ServiceState, why: string): void {
    state = next;
    detail = why;
    options.changed();
  }

  async function start(): Promise<void> {
    if (closed || held) return;
    const obstacle = await options.mayStart();
    if (closed || held || child) return;
    if (obstacle !== undefined) return refuse(obstacle);
    starts += 1;
    const started = options.start();
    child = started;
    startedAt = now();
    become("starting", "Started; not yet healthy.");
    log.info("service.started", { service: name, pid: started.pid });
    void started.ended.then((how) => ended(started, how));
    if (options.probe) probeSoon(started, options.probe, 1);
    else healthy();
    for (const [index, ms] of auditAfterMs.entries()) after(`audit ${index}`, ms, () => void audit(started));
    auditHourly(started);
  }

  function healthy(): void {
    become(
      "running",
      service.health ? "Running; its health check passes." : "Running; it has no health check.",
    );
    log.info("service.healthy", { service: name });
    after("settle", healthyMs, () => {
      failures = 0;
      alerts.clear(degradedAlert);
      options.changed();
    });
  }

  function probeSoon(of: Child, probe: () => Promise<string | undefined>, tries: number): void {
    after("probe", startProbeMs, () => {
      void probe().then((fault) => {
        if (child !== of || stopping) return;
        if (fault === undefined) {
          healthy();
          probeLater(of, probe, 0);
        } else if (tries * startProbeMs >= startLimitMs) void fail(of, fault);
        else probeSoon(of, probe, tries + 1);
      });
    });
  }

  function probeLater(of: Child, probe: () => Promise<string | undefined>, missed: number): void {
    after("probe", probeMs, () => {
      void probe().then((fault) => {
        if (child !== of || stopping) return;
        if (fault === undefined) {
          if (missed > 0) become("running", "Running; its health check passes.");
          probeLater(of, probe, 0);
        } else if (missed + 1 >= probesUntilRestart) void fail(of, fault);
        else {
          become("running", `Running, but ${fault}.`);
          probeLater(of, probe, missed + 1);
        }
      });
    });
  }

  /** It runs and is of no use: ended, and from there on like one that ended by itself. */
  async function fail(of: Child, fault: string): Promise<void> {
    log.warn("service.unhealthy", { service: name, fault });
    cancelTimers();
    become("stopping", `Stopped because ${fault}.`);
    unhealthy = fault;
    await of.stop(graceMs);
  }

  function ended(which: Child, how: string): void {
    if (child !== which) return;
    child = undefined;
    processes = 0;
    sockets = [];
    cancelTimers();
    // How it was ended is then our own doing and tells nobody anything.
    const what = unhealthy === undefined ? how : `was ended because ${unhealthy}`;
    unhealthy = undefined;
    if (stopping) return;
    failures += 1;
    const delay = Math.min(shortestDelayMs * 2 ** Math.min(failures - 1, 20), longestDelayMs);
    log.warn("service.ended", { service: name, how: what, failures, retryInMs: delay });
    if (failures >= failuresUntilDegraded) {
      alerts.raise({
        id: degradedAlert,
        severity: "critical",
        title: `${name} keeps failing`,
        detail: `It ${what}, for the ${failures}th time without a minute of health in between. It is tried again, at most every ${longestDelayMs / 60_000} minutes. Its last lines are in logs/${name}.log.`,
      });
    }
    become("backing-off", `It ${what}; the next try comes in ${delay / 1_000} s.`);
    after("start", delay, () => void start());
  }

  async function audit(of: Child, confirms = false): Promise<void> {
    if (child !== of || stopping) return;
    const verdict = await options.audit(of.pid, confirms).catch((error: unknown) => {
      log.error("service.audit-failed", { service: name, error });
      return undefined;
    });
    // Not knowing is no leave to go on (H1).
    if (!verdict)
      return child === of ? refuse("Its listeners could not be checked; the log says why.") : undefined;
    if (child !== of || stopping) return;
    ({ method: auditMethod, processes, sockets } = verdict);
    if (verdict.fault !== undefined) refuse(verdict.fault);
    else if (verdict.lookAgain) after("look again", lookAgainMs, () => void audit(of, true));
  }

  function auditHourly(of: Child): void {
    after("audit", auditEveryMs, () => {
      void audit(of);
      auditHourly(of);
    });
  }

  /** H1: stopped, and only its owner starts it again: by itself it would do the same. */
  function refuse(why: string): void {
    log.error("service.refused", { service: name, why });
    alerts.raise({
      id: refusedAlert,
      severity: "critical",
      title: `${name} was stopped`,
      detail: `${why} When that is mended: burrow service restart ${name}`,
    });
    void stop("refused", why);
  }

  function stop(final: ServiceState, why: string): Promise<void> {
    const before = stopping;
    const work = (async () => {
      await before;
      cancelTimers();
      const last = child;
      if (last) {
        become("stopping", why);
        const how = await last.stop(graceMs);
        log.info("service.stopped", { service: name, how });
      }
      become(final, why);
    })().finally(() => {
      if (stopping === work) stopping = undefined;
    });
    stopping = work;
    return work;
  }

  return {
    service,
    status: () => ({
      name,
      state,
      degraded: failures >= failuresUntilDegraded,
      detail,
      pid: child?.pid ?? null,
      startedAt: child ? startedAt : null,
      restarts: Math.max(0, starts - 1),
      listen: service.listen ? describeAddress(service.listen) : null,
      sockets,
      processes,
      audit: auditMethod,
    }),
    begin() {
      held = false;
      void start();
    },
    async hold() {
      held = true;
      failures = 0;
      await stop("stopped", "Stopped by the panic latch.");
    },
    async restart() {
      await stop("waiting", "Restarted by its owner.");
      failures = 0;
      alerts.clear(refusedAlert);
      alerts.clear(degradedAlert);
      await start();
    },
    async close() {
      closed = true;
      await stop("stopped", "Stopped with the daemon.");
    },
  };
}
