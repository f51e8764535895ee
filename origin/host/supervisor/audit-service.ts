import { readFileSync } from "node:fs";
import { auditTree, describeSocket, sweepListeners, type TreeSocket } from "../listener-audit.ts";
import { identityOf, readProcesses, treeOf } from "../process-table.ts";
import { readOpenSockets } from "../socket-table.ts";
import type { Verdict } from "./run-service.ts";
import type { Service } from "./service.ts";

export interface ServiceAudit {
  /** Why the service may not even be started; undefined: it may. */
  mayStart(): Promise<string | undefined>;
  /** `confirms`: some time after a look that said "look again"; what was doubtful then and still is, counts now. */
  look(pid: number | undefined, confirms: boolean): Promise<Verdict>;
}

/**
 * H1 for one service and everything that stems from it. Where the kernel's tables are closed (Android), its declared
 * port is tried from outside loopback; where neither works it may not run.
 */
export function createServiceAudit(options: { service: Service; mark: string; proc: string }): ServiceAudit {
  const { service, mark, proc } = options;
  /** Processes that were in its tree once stay in it, whatever they did to leave it. */
  let seen: ReadonlySet<string> = new Set();
  /** What looked wrong the last time and counts only when it lasts: sockets by inode, processes by identity. */
  let suspects: ReadonlySet<string> = new Set();

  async function lookInTables(pid: number | undefined, confirms: boolean): Promise<Verdict | undefined> {
    const rows = await readProcesses(proc);
    if (!rows) return undefined;
    const tree = treeOf(rows, { pid, mark, seen });
    const found = auditTree(tree, proc);
    if (!found) return undefined;
    seen = new Set(tree.map(identityOf));
    const exposed = found.sockets.filter((socket) => socket.exposed);
    const sending = exposed.filter((socket) => socket.protocol === "udp" && isEphemeral(socket.port, proc));
    const passing = service.dialsOutByUdp ? [] : sending;
    // A process that just starts or ends belongs to root for a moment, as far as /proc tells.
    const hidden = tree.filter(({ pid: each }) => found.hidden.includes(each));
    const lasting = confirms ? suspects : new Set<string>();
    const faulty = [
      ...exposed.filter((socket) => !sending.includes(socket)),
      ...passing.filter(({ inode }) => lasting.has(inode)),
    ];
    const lastingHidden = hidden.filter((row) => lasting.has(identityOf(row)));
    suspects = new Set([...passing.map(({ inode }) => inode), ...hidden.map(identityOf)]);
    return {
      method: "kernel",
      processes: tree.length,
      sockets: [...new Set(found.sockets.map(describeSocket))].toSorted(),
      fault: faulty.length > 0 ? explainExposed(faulty) : explainHidden(lastingHidden.map((row) => row.pid)),
      lookAgain: suspects.size > 0,
    };
  }

  async function sweep(): Promise<Verdict> {
    const port = service.listen?.kind === "tcp" ? service.listen.port : undefined;
    const result = port === undefined ? undefined : await sweepListeners(port);
    const fault =
      !result || result.method === "none"
        ? "This device shows neither its sockets nor lets the service's port be tried, so nobody can tell who reaches it."
        : result.exposed.length > 0
          ? `Its port ${port} can be reached from the network, on ${result.exposed.join(" and ")}. Make it listen on 127.0.0.1 only.`
          : undefined;
    return { method: "sweep", processes: 0, sockets: [], fault, lookAgain: false };
  }

  return {
    async mayStart() {
      if (readOpenSockets(proc) && (await readProcesses(proc))) return undefined;
      if (service.listen?.kind !== "tcp") {
        return 'This device does not show its sockets, and the service declares no port that could be tried instead. Give it "listen" with a loopback address and a port.';
      }
      return (await sweep()).fault;
    },
    look: async (pid, confirms) => (await lookInTables(pid, confirms)) ?? (await sweep()),
  };
}

function explainExposed(sockets: readonly TreeSocket[]): string {
  const what = [...new Set(sockets.map((socket) => `${describeSocket(socket)} (process ${socket.pid})`))];
  return `It can be reached from the network, on ${what.join(" and ")}. Make it listen on 127.0.0.1 only.`;
}

function explainHidden(pids: readonly number[]): string | undefined {
  if (pids.length === 0) return undefined;
  return `Its process ${pids.join(", ")} does not let its sockets be seen (it may run as another user), so nobody can tell who reaches it.`;
}

/**
 * A UDP socket on a port of the kernel's choice is how a program sends a datagram (a musl program asks the DNS so):
 * it counts as open only when it lasts. One on a port of the program's own choice waits for somebody.
 */
function isEphemeral(port: number, proc: string): boolean {
  const [from, to] = ephemeralPorts(proc);
  return port >= from && port <= to;
}

function ephemeralPorts(proc: string): [number, number] {
  try {
    const text = readFileSync(`${proc}/sys/net/ipv4/ip_local_port_range`, "latin1");
    const [from = 32_768, to = 60_999] = text.trim().split(/\s+/).map(Number);
    return [from, to];
  } catch {
    return [32_768, 60_999];
  }
}
