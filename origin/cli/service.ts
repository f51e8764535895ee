import { checkDataFolder, chooseDataFolder } from "../config/data-folder.ts";
import { askDaemon } from "../host/supervisor/control.ts";
import type { ServiceStatus, SupervisorReport } from "../host/supervisor/service.ts";
import { answer, type Command, type Invocation, textOption } from "./command.ts";

const list: Command = {
  name: "service list",
  usage: "",
  summary: "Shows the services that run beside the origin, and every listener of the device.",
  words: 0,
  async run(invocation) {
    const report = await askDaemon(dataFolder(invocation), { do: "status" });
    answer(invocation, describe(report), lines(report));
    return report.problems.length === 0 && report.services.every(isWell) ? 0 : 1;
  },
};

const restart: Command = {
  name: "service restart",
  usage: "NAME",
  summary: "Restarts a service, also one that was stopped for good.",
  words: 1,
  async run(invocation) {
    const name = invocation.positionals[0] ?? "";
    const report = await askDaemon(dataFolder(invocation), { do: "restart", service: name });
    const service = report.services.find((each) => each.name === name);
    answer(
      invocation,
      { service: service ? describeService(service) : null },
      service ? [line(service)] : [],
    );
    return service?.state === "refused" ? 1 : 0;
  },
};

export const serviceCommands: readonly Command[] = [list, restart];

function dataFolder(invocation: Invocation): string {
  const dataDir = chooseDataFolder(textOption(invocation, "data"), invocation.environment);
  checkDataFolder(dataDir);
  return dataDir;
}

function isWell({ state, degraded }: ServiceStatus): boolean {
  return state !== "refused" && !degraded;
}

function describe({ services, listeners, processes, problems }: SupervisorReport) {
  return { services: services.map(describeService), listeners, processes, problems };
}

function describeService({ startedAt, ...service }: ServiceStatus) {
  return { ...service, started_at: startedAt === null ? null : new Date(startedAt).toISOString() };
}

function lines({ services, listeners, processes, problems }: SupervisorReport): string[] {
  return [
    ...(services.length === 0 ? ["No services run."] : services.map(line)),
    "",
    "Listeners:",
    ...listeners.map(({ owner, address, use }) => `  ${owner.padEnd(12)} ${address}  ${use}`),
    "",
    processes === null ? "Processes cannot be counted here." : `${processes} processes.`,
    ...problems,
  ];
}

function line({ name, state, degraded, detail, pid, restarts }: ServiceStatus): string {
  const condition = degraded ? `${state}, degraded` : state;
  const process = pid === null ? "" : `  process ${pid}`;
  return `${name.padEnd(12)} ${condition.padEnd(22)}${process}  restarted ${restarts} times  ${detail}`;
}
