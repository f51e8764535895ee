import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A socket that waits for whoever comes: a TCP listener, or a UDP socket without a fixed peer. */
export interface OpenSocket {
  readonly protocol: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

/** The sockets of the whole network namespace, by inode. Undefined where the kernel does not show them (Android). */
export function readOpenSockets(proc = "/proc"): Map<string, OpenSocket> | undefined {
  try {
    const tables = (["tcp", "tcp6", "udp", "udp6"] as const).flatMap((name) =>
      parseSocketTable(readTable(proc, name), name.startsWith("tcp") ? "tcp" : "udp"),
    );
    return new Map(tables.map((socket) => [socket.inode, socket]));
  } catch {
    return undefined;
  }
}

/** A kernel without IPv6 has no tcp6 and no udp6. */
function readTable(proc: string, name: string): string {
  try {
    return readFileSync(`${proc}/net/${name}`, "latin1");
  } catch (error) {
    if (name.endsWith("6") && (error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** TCP_LISTEN, and TCP_CLOSE, which is how the kernel calls a UDP socket that has no peer (proc_pid_net(5)). */
const waiting = { tcp: "0A", udp: "07" };

/** The rows of /proc/net/tcp, tcp6, udp or udp6 that wait for whoever comes. */
export function parseSocketTable(table: string, protocol: "tcp" | "udp"): OpenSocket[] {
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    if (state !== waiting[protocol]) return [];
    const [hex = "", hexPort = ""] = local.split(":");
    const address = hex.length === 8 ? readIpv4(hex) : readIpv6(hex);
    return [{ protocol, address, port: Number.parseInt(hexPort, 16), inode }];
  });
}

/** Inodes of a process's sockets; `gone` when it ended, `hidden` when it is there and may not be looked into. */
export function socketsOf(pid: number, proc = "/proc"): Set<string> | "gone" | "hidden" {
  const inodes = new Set<string>();
  let descriptors: string[];
  try {
    descriptors = readdirSync(`${proc}/${pid}/fd`);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? "hidden" : "gone";
  }
  for (const descriptor of descriptors) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`${proc}/${pid}/fd/${descriptor}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed between the listing and the look.
    }
  }
  return inodes;
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
