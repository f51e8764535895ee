import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import type { ListenAddress } from "../config/config.ts";
import { isLoopback } from "../config/settings.ts";
import type { Log } from "./log.ts";

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
  try {
    const own = socketsOf(pid);
    const addresses = ["tcp", "tcp6"].flatMap((table) => parseSocketTable(readTable(table), port, own));
    return addresses.length > 0 ? addresses : undefined;
  } catch {
    return undefined;
  }
}

/** A kernel without IPv6 has no tcp6. */
function readTable(name: string): string {
  try {
    return readFileSync(`/proc/net/${name}`, "latin1");
  } catch (error) {
    if (name === "tcp6" && (error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** Inodes of the process's sockets. */
function socketsOf(pid: number): Set<string> {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed between the listing and the look.
    }
  }
  return inodes;
}

/** Local addresses of the listening rows with this port and one of these inodes (proc(5), /proc/net/tcp). */
export function parseSocketTable(table: string, port: number, inodes: ReadonlySet<string>): string[] {
  const listening = "0A";
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    const [address = "", hexPort = ""] = local.split(":");
    if (state !== listening || Number.parseInt(hexPort, 16) !== port || !inodes.has(inode)) return [];
    return [address.length === 8 ? readIpv4(address) : readIpv6(address)];
  });
}

function readIpv4(hex: string): string {
  return [...reverseWord(Buffer.from(hex, "hex"))].join(".");
}

function readIpv6(hex: string): string {
  const bytes = Buffer.from(hex, "hex");
  const ordered = Buffer.concat([0, 4, 8, 12].map((at) => reverseWord(bytes.subarray(at, at + 4))));
  const text = ordered.toString("hex");
  if (/^0{31}1$/.test(text)) return "::1";
  if (/^0{20}ffff/.test(text)) return [...ordered.subarray(12)].join(".");
  if (/^0{32}$/.test(text)) return "::";
  return (text.match(/.{4}/g) ?? []).join(":");
}

/** The kernel prints each 32-bit word in the machine's order: little-endian on every machine that Burrow runs on. */
function reverseWord(word: Buffer): Uint8Array {
  return word.toReversed();
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
