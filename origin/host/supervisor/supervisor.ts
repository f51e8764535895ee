import type { Config } from "../../config/config.ts";
import { partsToHide, readSecret, SecretError, secretFile } from "../../config/secrets.ts";
import type { BoundAddress } from "../../http/bind.ts";
import type { Alerts } from "../alerts/alerts.ts";
import type { Log } from "../log.ts";
import { readProcesses, withDescendants } from "../process-table.ts";
import { createServiceAudit } from "./audit-service.ts";
import { startChild } from "./child.ts";
import { cloudflaredService } from "./cloudflared.ts";
import { type ControlAnswer, controlListener, startControl } from "./control.ts";
import { probeHealth } from "./health-probe.ts";
import { endOrphans, folderMark, runMark, startGuard } from "./orphans.ts";
import { createRunner, type Runner } from "./run-service.ts";
import {
  describeAddress,
  type ListenerRow,
  realSchedule,
  type Schedule,
  type Service,
  type ServiceStatus,
  type SupervisorReport,
} from "./service.ts";
import { openServiceLog } from "./service-log.ts";
import { readServicesFile, type ServicesFile } from "./services-file.ts";
import { ServicesFileError } from "./trusted-file.ts";
import { isAndroid, watchProcesses } from "./watch-processes.ts";

export type { ServiceStatus, SupervisorReport } from "./service.ts";

export interface Supervisor {
  status(): ServiceStatus[];
  report(): Promise<SupervisorReport>;
  /** Stops a service and starts it with a clean slate. Throws UnknownServiceError, HeldServiceError. */
  restart(name: string): Promise<void>;
  /** Stops the owner's services, and starts them again only after `release`. The tunnel goes on. */
  hold(): Promise<void>;
  release(): void;
  /** Stops everything with grace. Resolves when nothing is left. */
  close(): Promise<void>;
}

/** There is no service of this name. */
export class UnknownServiceError extends Error {
  override name = "UnknownServiceError";
}

/** The panic latch holds it. */
export class HeldServiceError extends Error {
  override name = "HeldServiceError";
}

/**
 * Runs cloudflared (with `tunnel.enabled`) and the owner's own services, and keeps them running (H1–H4, H7). What is
 * wrong with the services file keeps its services from running, not the origin: `problems` and an alert say it.
 */
export async function startSupervisor(options: {
  config: Config;
  log: Log;
  alerts: Alerts;
  now: () => number;
  /** The origin's own listener, for the table. */
  address: BoundAddress;
  servicesFile: string;
  /** As after `hold`, from the start. */
  held?: boolean;
  environment?: NodeJS.ProcessEnv;
  schedule?: Schedule;
  proc?: string;
}): Promise<Supervisor> {
  const { config, log, alerts, now, environment = process.env } = options;
  const { schedule = realSchedule, proc = "/proc" } = options;
  const { dataDir } = config;

  const orphans = await endOrphans(folderMark(dataDir), proc);
  if (orphans > 0) log.warn("supervisor.orphans-ended", { processes: orphans });
  const { services, problems, secrets } = collectServices(config, options.servicesFile, environment);
  for (const secret of secrets) log.hide(secret);
  for (const problem of problems) log.error("supervisor.services-file", { problem });
  tellProblems(alerts, problems, services);

  const mark = runMark(dataDir);
  const guard = services.length > 0 ? startGuard({ mark, log, schedule }) : undefined;
  const logs = services.map(({ name }) =>
    openServiceLog({ dataDir, name, redact: (line) => log.redact(line), now }),
  );
  const runners: Runner[] = services.map((service, index) => {
    const audit = createServiceAudit({ service, mark: `${mark}${service.name}`, proc });
    const { health } = service;
    const output = logs[index];
    if (!output) throw new RangeError(service.name);
    return createRunner({
      service,
      start: () => startChild(service, { mark: `${mark}${service.name}`, output, schedule, proc }),
      probe: health && (() => probeHealth(health)),
      async mayStart() {
        return (
          (service.name === "cloudflared" ? checkToken(dataDir, log) : undefined) ?? (await audit.mayStart())
        );
      },
      audit: (pid, confirms) => audit.look(pid, confirms),
      schedule,
      now,
      alerts,
      log,
      changed,
    });
  });
  const begun = new Set<string>();
  let held = options.held ?? false;
  changed();

  /** Starts whose turn has come, and tells the guard what there is to end. */
  function changed(): void {
    guard?.watch(runners.flatMap((runner) => runner.status().pid ?? []));
    const running = new Set(runners.filter((runner) => runner.status().state === "running").map(nameOf));
    for (const runner of runners) {
      if (begun.has(nameOf(runner)) || (held && isHeldBack(runner))) continue;
      if (!runner.service.startAfter.every((name) => running.has(name))) continue;
      begun.add(nameOf(runner));
      runner.begin();
    }
  }

  async function countProcesses(): Promise<number | null> {
    const rows = await readProcesses(proc);
    if (!rows) return null;
    if (isAndroid()) return rows.length;
    const own = rows.filter(
      (row) => row.pid === process.pid || row.pid === guard?.pid || row.mark?.startsWith(mark),
    );
    return withDescendants(rows, own).length;
  }

  const supervisor: Supervisor = {
    status: () => runners.map((runner) => runner.status()),
    async report() {
      const statuses = supervisor.status();
      const listeners = [
        originListener(options.address),
        controlListener(dataDir),
        ...services.flatMap(listenersOf(statuses)),
      ];
      return { services: statuses, listeners, processes: await countProcesses(), problems };
    },
    async restart(name) {
      const runner = runners.find((each) => nameOf(each) === name);
      if (!runner)
        throw new UnknownServiceError(
          `There is no service ${name}. "burrow service list" shows which there are.`,
        );
      if (held && isHeldBack(runner))
        throw new HeldServiceError(
          `A panic is in force, so ${name} is not started. "burrow panic status" tells more.`,
        );
      begun.add(name);
      await runner.restart();
    },
    async hold() {
      if (held) return;
      held = true;
      log.warn("supervisor.held");
      const back = runners.filter(isHeldBack);
      for (const runner of back) begun.delete(nameOf(runner));
      await Promise.all(back.map((runner) => runner.hold()));
    },
    release() {
      if (!held) return;
      held = false;
      log.warn("supervisor.released");
      changed();
    },
    async close() {
      stopWatching();
      await control?.close();
      for (const runner of runners) begun.add(nameOf(runner));
      await Promise.all(runners.map((runner) => runner.close()));
      await guard?.close();
      await Promise.all(logs.map((each) => each.close()));
    },
  };
  const stopWatching = watchProcesses({ count: countProcesses, alerts, log, schedule });
  const control = await startControl(dataDir, answerWith(supervisor)).catch((error: unknown) => {
    log.error("supervisor.no-control-socket", { error });
    return undefined;
  });
  return supervisor;
}

/** Without the tunnel nobody could let go of the latch from afar, and the edge would not hear of it. */
function isHeldBack(runner: Runner): boolean {
  return nameOf(runner) !== "cloudflared";
}

function nameOf(runner: Runner): string {
  return runner.service.name;
}

function collectServices(
  config: Config,
  path: string,
  environment: NodeJS.ProcessEnv,
): { services: Service[]; problems: string[]; secrets: readonly string[] } {
  const problems: string[] = [];
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ServicesFileError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
  const file: ServicesFile | undefined = attempt(() => readServicesFile(path, config.dataDir));
  const tokenFile = secretFile(config.dataDir, "tunnel-token");
  const tunnel = config.tunnel.enabled
    ? attempt(() => cloudflaredService(config, { binary: file?.cloudflared, tokenFile, environment }))
    : undefined;
  const own = (file?.services ?? []).filter((service) => {
    const missing = service.startAfter.includes("cloudflared") && !tunnel;
    if (missing)
      problems.push(
        `${path}: ${service.name} starts after cloudflared, which does not run (tunnel.enabled).`,
      );
    return !missing;
  });
  return { services: [...(tunnel ? [tunnel] : []), ...own], problems, secrets: file?.secrets ?? [] };
}

function tellProblems(alerts: Alerts, problems: readonly string[], services: readonly Service[]): void {
  if (problems.length === 0) alerts.clear("services-file");
  else {
    alerts.raise({
      id: "services-file",
      severity: "critical",
      title: "Services are not run",
      detail: `${problems.join(" ")} Mend it and restart Burrow.`,
    });
  }
  // What was said of a service that is no more would stay for ever.
  const names = new Set(services.map((service) => service.name));
  for (const { id } of alerts.open()) {
    const of = /^service-(?:degraded|refused):(.+)$/.exec(id)?.[1];
    if (of !== undefined && !names.has(of)) alerts.clear(id);
  }
}

/** K1: a token that others may have read is none. Read anew at each start: it may have been rotated. */
function checkToken(dataDir: string, log: Log): string | undefined {
  try {
    for (const part of partsToHide(readSecret(dataDir, "tunnel-token"))) log.hide(part);
    return undefined;
  } catch (error) {
    if (error instanceof SecretError) return error.message;
    throw error;
  }
}

function originListener(address: BoundAddress): ListenerRow {
  const use = "The edge, through the tunnel: every request must bear its signature.";
  return { owner: "origin", address: address.text, use };
}

/** What it declares, and what was found open besides. */
function listenersOf(statuses: readonly ServiceStatus[]): (service: Service) => ListenerRow[] {
  return (service) => {
    const declared = service.listen ? describeAddress(service.listen) : undefined;
    const use =
      service.name === "cloudflared"
        ? "Its figures and health: any program of this device may read them."
        : "Any program of this device, unless the service asks who it is.";
    const found = statuses.find(({ name }) => name === service.name)?.sockets ?? [];
    return [
      ...(declared === undefined ? [] : [{ owner: service.name, address: declared, use }]),
      ...found
        .filter((socket) => socket !== `tcp ${declared}`)
        .map((address) => ({ owner: service.name, address, use: "Found open; not declared." })),
    ];
  };
}

function answerWith(supervisor: Supervisor): Parameters<typeof startControl>[1] {
  return async (request): Promise<ControlAnswer> => {
    if (request.do === "restart") await supervisor.restart(request.service);
    return { ok: true, report: await supervisor.report() };
  };
}
