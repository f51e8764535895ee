import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

import type { Config } from "../../../origin/config/config.ts";
import { readConfig } from "../../../origin/config/read-config.ts";
import { createLog } from "../../../origin/host/log.ts";
import type { Endpoint } from "../../../origin/host/outbound/connector.ts";
import { OutboundError } from "../../../origin/host/outbound/outbound-error.ts";
import {
  createOutbound,
  type Outbound,
  type OutboundOptions,
} from "../../../origin/host/outbound/outbound.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A server on loopback and what was asked of it. */
export interface Stand {
  readonly port: number;
  readonly seen: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[];
  /** Connections, of which a scan would be content to see one. */
  connections(): number;
}

export async function startStand(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end("ok"),
  certificate?: { cert: string; key: string },
): Promise<Stand> {
  const seen: Stand["seen"] = [];
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      answer(request, response);
    });
  };
  const server = certificate ? createSecureServer(certificate, listener) : createServer(listener);
  server.on("connection", () => (connections += 1));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen, connections: () => connections };
}

export interface OutboundBench {
  readonly config: Config;
  readonly outbound: Outbound;
  /** Names that were resolved, in order. */
  readonly resolved: string[];
  readonly lines: string[];
}

export interface BenchOptions {
  /** Name → its addresses, or a function for a resolver that changes its mind. */
  names?: Record<string, readonly string[] | (() => readonly string[] | Promise<readonly string[]>)>;
  /** `198.51.100.7:80` → the stand in that place. */
  stands?: Record<string, Stand>;
  environment?: Record<string, string>;
  authority?: string;
  destinations?: NonNullable<OutboundOptions["seam"]>["destinations"];
  readKeys?: () => readonly string[];
  now?: () => number;
}

/** The real outbound table, with a resolver of the test's own. */
export function benchOutbound(t: TestContext, options: BenchOptions = {}): OutboundBench {
  const resolved: string[] = [];
  const lines: string[] = [];
  const { names = {}, stands = {}, now = Date.now } = options;
  const config = readConfig({
    dataDir: temporaryFolder(t),
    environment: { BURROW_SERVER_NAME: "burrow.example.org", ...options.environment },
  });
  const outbound = createOutbound({
    config,
    now,
    log: createLog({ level: "debug", now, write: (line) => lines.push(line) }),
    lookup: async (hostname): Promise<readonly Endpoint[]> => {
      resolved.push(hostname);
      const found = names[hostname] ?? [];
      const addresses = typeof found === "function" ? await found() : found;
      return addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    },
    ...(options.readKeys && { readKeys: options.readKeys }),
    seam: {
      standIns: new Map(Object.entries(stands).map(([place, { port }]) => [place, port])),
      ...(options.authority !== undefined && { authority: options.authority }),
      ...(options.destinations && { destinations: options.destinations }),
    },
  });
  t.after(() => outbound.close());
  return { config, outbound, resolved, lines };
}

/** For assert.rejects: refused with this code. */
export function fault(code: string): (error: unknown) => boolean {
  return (error) => {
    if (error instanceof OutboundError && error.code === code) return true;
    throw new Error(`expected ${code}, got ${error instanceof OutboundError ? error.code : String(error)}`, {
      cause: error,
    });
  };
}
