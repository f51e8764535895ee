import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import type { ListenAddress } from "../config/config.ts";
import { isLoopback } from "../config/settings.ts";
import type { Log } from "./log.ts";
import type { ProcessRow } from "./process-table.ts";
import { type OpenSocket, readOpenSockets, socketsOf } from "./socket-table.ts";

/** A listener can be reached from the network. */
export class ExposedListenerError extends Error {
  override name = "ExposedListenerError";
}

export interface ListenerAudit {
  /** `kernel`: its tables were read; `sweep`: by trying to bind; `none`: neither works on this machine. */
  readonly method: "kernel" | "sweep" | "none";
  /** Addresses beyond loopback on which the port answers. */
  readonly exposed: readonly string[];
}

/** H1, after the bind: what the kernel really opened, not what was asked for. Throws ExposedListenerError. */
export async function checkListener(address: ListenAddress, log: Log): Promise<void> {
  if (address.kind === "unix") return;
  const audit = await auditListeners(address.port, process.pid);
  if (audit.method === "none") {
    // Node's own answer is all there is then; settings.ts let only loopback through.
    log.warn("listener.unaudited", { host: address.host, port: address.port });
    if (!isLoopback(address.host)) throw exposedError(address.port, [address.host]);
  }
  if (audit.exposed.length > 0) throw exposedError(address.port, audit.exposed);
}

function exposedError(port: number, exposed: readonly string[]): ExposedListenerError {
  return new ExposedListenerError(
    `Port ${port} can be reached from the network, on ${exposed.join(" and ")}. Burrow stops: only loopback may listen. Check "listen" in burrow.toml and what else uses that port.`,
  );
}

/** Looks in the kernel's tables, and where those cannot be read (Android) tries to bind beside the listener. */
export async function auditListeners(port: number, pid: number): Promise<ListenerAudit> {
  const addresses = readKernelTables(port, pid);
  if (addresses) return { method: "kernel", exposed: addresses.filter((address) => !isLoopback(address)) };
  return await sweepListeners(port);
}

/** The addresses on which the process listens at the port; undefined when the tables do not show it. */
function readKernelTables(port: number, pid: number): string[] | undefined {
  const sockets = readOpenSockets();
  const own = socketsOf(pid);
  if (!sockets || typeof own === "string") return undefined;
  const addresses = [...own]
    .flatMap((inode) => sockets.get(inode) ?? [])
    .filter((socket) => socket.protocol === "tcp" && socket.port === port)
    .map((socket) => socket.address);
  return addresses.length > 0 ? addresses : undefined;
}

/** EADDRINUSE at an address that nobody should hold means that the listener holds it, by a wildcard or directly. */
export async function sweepListeners(port: number): Promise<ListenerAudit> {
  const others = ["127.0.0.2", ...ownAddresses()];
  const exposed: string[] = [];
  let tried = 0;
  for (const address of others) {
    const outcome = await tryBind(address, port);
    if (outcome === "taken") exposed.push(address);
    if (outcome !== "impossible") tried += 1;
  }
  return { method: tried > 0 ? "sweep" : "none", exposed };
}

function tryBind(host: string, port: number): Promise<"free" | "taken" | "impossible"> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "EADDRINUSE" ? "taken" : "impossible");
    });
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve("free")));
  });
}

/** On some Androids the call itself throws. */
function ownAddresses(): string[] {
  try {
    return Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter((entry) => !entry.internal)
      .map((entry) => (entry.family === "IPv6" && entry.scopeid > 0 ? "" : entry.address))
      .filter((address) => address !== "");
  } catch {
    return [];
  }
}

/** A socket of a process tree that waits for whoever comes. */
export interface TreeSocket extends OpenSocket {
  readonly pid: number;
  readonly exposed: boolean;
}

/**
 * H1 for a child and all that stems from it, whatever ports it chose. `hidden` are processes that do not let
 * themselves be looked into: nothing is known of their sockets. Undefined where the kernel's tables are closed.
 */
export function auditTree(
  tree: readonly ProcessRow[],
  proc = "/proc",
): { sockets: TreeSocket[]; hidden: number[] } | undefined {
  // Who owns what first, the kernel's table afterwards: a socket that is opened in between is in neither or in both.
  const owned = tree.map(({ pid }) => ({ pid, inodes: socketsOf(pid, proc) }));
  const open = readOpenSockets(proc);
  if (!open) return undefined;
  const sockets: TreeSocket[] = [];
  const hidden: number[] = [];
  for (const { pid, inodes } of owned) {
    if (inodes === "hidden") hidden.push(pid);
    if (typeof inodes === "string") continue;
    for (const inode of inodes) {
      const socket = open.get(inode);
      if (socket) sockets.push({ ...socket, pid, exposed: !isLoopback(socket.address) });
    }
  }
  return { sockets, hidden };
}

/** `tcp 0.0.0.0:8090`. */
export function describeSocket(socket: OpenSocket): string {
  const host = socket.address.includes(":") ? `[${socket.address}]` : socket.address;
  return `${socket.protocol} ${host}:${socket.port}`;
}
