import type { ListenAddress } from "../../config/config.ts";

/** A program that the supervisor keeps running. */
export interface Service {
  readonly name: string;
  /** The program's absolute path and its arguments; no shell reads them. */
  readonly command: readonly string[];
  /** All of its environment but PATH and the supervisor's mark (H2). */
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Where it serves, for the table of listeners and for the check where the kernel's tables are closed. */
  readonly listen: ListenAddress | undefined;
  readonly health: HealthTarget | undefined;
  /** Services that must be healthy before it starts. */
  readonly startAfter: readonly string[];
  /** It dials out by QUIC: that needs a UDP socket without a fixed peer, on a port of the kernel's choice. */
  readonly dialsOutByUdp: boolean;
}

/** Asked with GET; an answer of 200 to 399 is healthy. */
export interface HealthTarget {
  readonly address: ListenAddress;
  readonly path: string;
}

/**
 * `waiting` for its turn or for the services before it; `starting` until its health check passes; `running`;
 * `backing-off` until the next try; `stopping`; `stopped` with the daemon; `refused`: it may not run, `detail`
 * says why, and only a restart by the owner tries again.
 */
export type ServiceState =
  | "waiting"
  | "starting"
  | "running"
  | "backing-off"
  | "stopping"
  | "stopped"
  | "refused";

export interface ServiceStatus {
  readonly name: string;
  readonly state: ServiceState;
  /** It failed five times without a minute of health in between. It is still tried again. */
  readonly degraded: boolean;
  /** One sentence: what it does now, or why not. */
  readonly detail: string;
  readonly pid: number | null;
  /** Unix milliseconds. */
  readonly startedAt: number | null;
  /** Starts after the first one. */
  readonly restarts: number;
  readonly listen: string | null;
  /** What was found open in its tree when last looked: `tcp 127.0.0.1:8090`. */
  readonly sockets: readonly string[];
  /** Processes of its whole tree, when last looked. */
  readonly processes: number;
  /** How its listeners were checked last; null: not yet. */
  readonly audit: "kernel" | "sweep" | null;
}

/** One way into this device, and for whom it is. */
export interface ListenerRow {
  readonly owner: string;
  readonly address: string;
  readonly use: string;
}

/** Everything that the supervisor knows, for the command line and for doctor. */
export interface SupervisorReport {
  readonly services: readonly ServiceStatus[];
  readonly listeners: readonly ListenerRow[];
  /** Processes of Burrow; on Android all that count against its limit of 32. Null where they cannot be seen. */
  readonly processes: number | null;
  /** Why something that the owner wants to be run is not. */
  readonly problems: readonly string[];
}

/** Runs work after a time; the answer calls it off. An argument, so that a test can turn the clock itself. */
export type Schedule = (afterMs: number, work: () => void) => () => void;

export const realSchedule: Schedule = (afterMs, work) => {
  const timer = setTimeout(work, afterMs);
  timer.unref();
  return () => clearTimeout(timer);
};

/** `127.0.0.1:8090` or `unix:/path`. */
export function describeAddress(address: ListenAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
