import { lookup as resolveByName } from "node:dns/promises";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { buildConnector } from "undici";
import { OutboundError } from "./outbound-error.ts";

/** One answer of a resolver. */
export interface Endpoint {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name. Rejects where there are none. */
export type Lookup = (hostname: string) => Promise<readonly Endpoint[]>;

/** The system's resolver, which knows what the device's own network says: on Android there is no other that works. */
export const systemLookup: Lookup = (hostname) => resolveByName(hostname, { all: true, order: "verbatim" });

/** What lets tests run real servers on loopback; no setting reaches it. */
export interface TestSeam {
  /** `198.51.100.7:80` → the port on 127.0.0.1 where a server stands in for it; the address then counts as public. */
  readonly standIns: ReadonlyMap<string, number>;
  /** A certificate authority in PEM that is trusted instead of the system's. */
  readonly authority?: string;
}

export interface ConnectorOptions {
  readonly lookup: Lookup;
  /** Judges an address before it is dialled, and again once `local`, the own end of the connection, is known. */
  readonly allows: (address: string, local?: string) => boolean;
  readonly seam?: TestSeam | undefined;
}

const CONNECT_MS = 10_000;
/** An attempt gets so long before the next address is tried: Node's 250 ms is short for a phone's radio. */
const ATTEMPT_MS = 2_000;
const MOST_ADDRESSES = 16;

/**
 * Makes undici's connections. A name is resolved once, every answer must be allowed, and only those very addresses are
 * dialled: a resolver that answers otherwise the next time is not asked again. Literal addresses, for which Node calls no
 * lookup, go through the same gate. In TLS the name is verified, not the address.
 */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  return ({ hostname, protocol, port }, callback) => {
    const secure = protocol === "https:";
    connect(options, hostname, Number(port) || (secure ? 443 : 80), secure).then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null),
    );
  };
}

/** A connection as it is, for a protocol that makes its own TLS of it, by `trust`. */
export async function openConnection(
  options: ConnectorOptions,
  hostname: string,
  port: number,
): Promise<{ socket: Socket; trust: ConnectionOptions }> {
  return {
    socket: await connect(options, hostname, port, false),
    trust: trustOf(hostname, options.seam?.authority),
  };
}

async function connect(
  options: ConnectorOptions,
  hostname: string,
  port: number,
  secure: boolean,
): Promise<Socket> {
  const late = AbortSignal.timeout(CONNECT_MS);
  const endpoints = await withSignal(resolve(options.lookup, hostname), late);
  const standIn = endpoints.map(({ address }) => options.seam?.standIns.get(`${address}:${port}`));
  const forbidden = endpoints.some(({ address }, index) => {
    return standIn[index] === undefined && !options.allows(address);
  });
  if (forbidden) throw new OutboundError("forbidden-address");

  const loopbackPort = standIn.find((known) => known !== undefined);
  const plain =
    loopbackPort === undefined
      ? await dial(hostname, endpoints, port, late)
      : await dial("127.0.0.1", [{ address: "127.0.0.1", family: 4 }], loopbackPort, late);
  try {
    if (loopbackPort === undefined && !isAsVetted(plain, endpoints, options.allows))
      throw new OutboundError("forbidden-address");
    return secure ? await wrap(plain, hostname, options.seam?.authority, late) : plain;
  } catch (error) {
    plain.destroy();
    throw error;
  }
}

async function resolve(lookup: Lookup, hostname: string): Promise<readonly Endpoint[]> {
  const family = isIP(hostname);
  if (family !== 0) return [{ address: hostname, family }];
  const found = await lookup(hostname);
  if (found.length === 0) throw new OutboundError("unreachable");
  if (found.length > MOST_ADDRESSES) throw new OutboundError("bad-answer");
  return found;
}

function dial(
  hostname: string,
  endpoints: readonly Endpoint[],
  port: number,
  late: AbortSignal,
): Promise<Socket> {
  const socket = connectTcp({
    host: hostname,
    port,
    noDelay: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
    lookup: (_hostname, { all }, callback) => {
      const [first] = endpoints;
      if (all === true) callback(null, [...endpoints]);
      else callback(null, first?.address ?? "", first?.family ?? 0);
    },
  });
  return settle(socket, "connect", late);
}

/** Before a byte is sent: the far end is one of those that were vetted, judged anew with our own end known. */
function isAsVetted(
  socket: Socket,
  endpoints: readonly Endpoint[],
  allows: ConnectorOptions["allows"],
): boolean {
  const { remoteAddress, localAddress } = socket;
  if (remoteAddress === undefined) return false;
  return (
    endpoints.some(({ address }) => sameAddress(address, remoteAddress)) &&
    allows(remoteAddress, localAddress)
  );
}

/** The kernel shortens an IPv6 address its own way. */
function sameAddress(one: string, other: string): boolean {
  if (one === other) return true;
  if (isIP(one) !== 6 || isIP(other) !== 6) return false;
  return new URL(`http://[${one}]`).hostname === new URL(`http://[${other}]`).hostname;
}

function trustOf(hostname: string, authority: string | undefined): ConnectionOptions {
  return {
    host: hostname,
    // RFC 6066 §3: an address is no server name.
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
    ...(authority === undefined ? {} : { ca: authority }),
    // Said outright, since NODE_TLS_REJECT_UNAUTHORIZED could say otherwise.
    rejectUnauthorized: true,
  };
}

function wrap(
  socket: Socket,
  hostname: string,
  authority: string | undefined,
  late: AbortSignal,
): Promise<Socket> {
  const secured = connectTls({
    ...trustOf(hostname, authority),
    socket,
    ALPNProtocols: ["http/1.1"],
  });
  return settle(secured, "secureConnect", late);
}

async function settle<T extends Socket>(socket: T, event: string, late: AbortSignal): Promise<T> {
  const opened = new Promise<T>((done, fail) => {
    socket.once(event, () => done(socket));
    socket.once("error", fail);
    socket.once("close", () => fail(new OutboundError("unreachable")));
  });
  try {
    return await withSignal(opened, late);
  } catch (error) {
    // What still goes wrong on a socket that is given up is nobody's concern.
    socket.on("error", () => undefined).destroy();
    throw error;
  }
}

/** The promise, or the signal's reason if that comes first. */
export async function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    throw signal.reason as Error;
  }
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
