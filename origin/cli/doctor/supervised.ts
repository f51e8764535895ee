import { existsSync } from "node:fs";
import type { Check } from "../../app.ts";
import type { Config } from "../../config/config.ts";
import { askDaemon, ControlError, controlSocket } from "../../host/supervisor/control.ts";
import type { ServiceStatus, SupervisorReport } from "../../host/supervisor/service.ts";
import { isAndroid, manyProcesses, processLimit } from "../../host/supervisor/watch-processes.ts";
import { failed, ok, warning } from "./check.ts";

const stopped = {
  why: "It is not there for anybody until it runs.",
  mend: "burrow service list, its log in logs/NAME.log of the data folder, then burrow service restart NAME",
};

/** The tunnel, the owner's services and every listener, as the running daemon tells. */
export async function checkSupervised(config: Config): Promise<Check[]> {
  if (!existsSync(controlSocket(config.dataDir))) return [];
  let report: SupervisorReport;
  try {
    report = await askDaemon(config.dataDir, { do: "status" });
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    return [
      warning("services", error.message, {
        why: "Whether the tunnel runs was not found out.",
        mend: "Restart Burrow.",
      }),
    ];
  }
  const { services, listeners, problems } = report;
  return [
    ...problems.map((problem) =>
      failed("services", problem, { ...stopped, mend: "Mend that, then restart Burrow." }),
    ),
    ...(config.mode === "production" ? [checkTunnel(config, services)] : []),
    ...services.filter(({ name }) => name !== "cloudflared").map(checkService),
    ...checkProcesses(report.processes),
    ok("listener-table", listeners.map(({ owner, address }) => `${owner} ${address}`).join(", ")),
  ];
}

function checkTunnel(config: Config, services: readonly ServiceStatus[]): Check {
  const tunnel = services.find(({ name }) => name === "cloudflared");
  if (!config.tunnel.enabled)
    return ok("tunnel", "cloudflared is run by its owner (tunnel.enabled is false).");
  if (!tunnel || tunnel.state !== "running" || tunnel.degraded) {
    return failed("tunnel", tunnel?.detail ?? "cloudflared is not run.", {
      ...stopped,
      why: "Nobody can reach the server from outside.",
    });
  }
  return ok("tunnel", "cloudflared runs and is connected.");
}

function checkService({ name, state, degraded, detail }: ServiceStatus): Check {
  if (state === "refused" || degraded) return failed(`service ${name}`, detail, stopped);
  return state === "running" ? ok(`service ${name}`, detail) : warning(`service ${name}`, detail, stopped);
}

/** Android counts them (H3). */
function checkProcesses(processes: number | null): Check[] {
  if (processes === null) return [];
  if (!isAndroid() || processes <= manyProcesses) return [ok("processes", `${processes} processes.`)];
  return [
    warning("processes", `${processes} processes, of the ${processLimit} that Android lets all apps have.`, {
      why: "Beyond that Android ends some at random.",
      mend: "Stop services that are not needed; docs/phone.md tells how to lift the limit.",
    }),
  ];
}
