/** The real frame and the real proxy, before a small program of somebody else's; only who asks is decided by a table. */
import { EventEmitter, once } from "node:events";
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type RequestListener,
  type Server,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { Hono } from "hono";

import type { AppContext } from "../../../origin/app.ts";
import { createProxyApps } from "../../../origin/apps/proxy/proxy.ts";
import { readApps } from "../../../origin/config/read-apps.ts";
import { trustedHeaders } from "../../../origin/config/proxied-app.ts";
import type { Gate } from "../../../origin/gate/gate.ts";
import type { Identity } from "../../../origin/gate/identity.ts";
import { createLog } from "../../../origin/host/log.ts";
import type { HttpEnv } from "../../../origin/http/request-context.ts";
import { createDispatch } from "../../../origin/http/dispatch.ts";
import { createEdgeProof } from "../../../origin/http/edge-proof.ts";
import { complaintResponse, complaints } from "../../../origin/http/errors.ts";
import { startListener } from "../../../origin/http/listener.ts";
import { openNonces } from "../../../origin/http/nonces.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { makeEdgeKey, signedHeaders } from "../../http/signed-request.ts";

export const now = 1_800_000_000_000;
export const host = "notes.example.org";
export const origin = `https://${host}`;
export const cookieOf = (name: string): string => `__Host-burrow-session=${name}`;

const people: Readonly<Record<string, Identity>> = {
  ada: { memberId: 1, name: "ada", role: "owner", via: "session", scopes: "all", sessionId: 1 },
  ben: { memberId: 2, name: "ben", role: "member", via: "session", scopes: "all", sessionId: 2 },
};

export interface ProxyHouse {
  readonly port: number;
  readonly upstream: Server;
  readonly lines: string[];
  /** Who is not let in any more, told like any change of a member's. */
  putOut(name: string): void;
  /** Signed like the edge does, with these headers beside it. */
  signed(method: string, path: string, headers?: Record<string, string>): Record<string, string>;
  ask(
    path: string,
    options?: {
      method?: string;
      as?: string;
      headers?: Record<string, string>;
      body?: string | Buffer;
    },
  ): Promise<{ status: number; headers: IncomingMessage["headers"]; body: Buffer }>;
}

/** `settings` are further lines of the `[[app]]` entry, as an object. */
export async function openProxyHouse(
  t: TestContext,
  program: RequestListener,
  settings: Record<string, unknown> = {},
): Promise<ProxyHouse> {
  const folder = temporaryFolder(t);
  const upstream = createServer(program);
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const address = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const { apps, problems } = readApps([{ name: "notes", upstream: address, ...settings }], {
    serverName: "example.org",
    mode: "production",
    dataDir: folder,
    android: false,
  });
  if (problems.length > 0) throw new Error(problems.join("\n"));

  const lines: string[] = [];
  const log = createLog({ level: "debug", now: () => now, write: (line) => lines.push(line) });
  const changes = new EventEmitter();
  const out = new Set<string>();
  const identify: Gate["identify"] = (context, asked, ways) => {
    const authorization = asked.headers.get("authorization");
    const byCookie = /__Host-burrow-session=(\w+)/.exec(asked.headers.get("cookie") ?? "")?.[1];
    const byPassword = /^Basic (.+)$/.exec(authorization ?? "")?.[1];
    const named = authorization === null ? byCookie : ways?.basic === true ? byPassword : undefined;
    const known = named === undefined || out.has(named) ? undefined : people[named];
    const identity =
      known && authorization !== null ? { ...known, via: "app-password" as const, scopes: ["apps"] } : known;
    if (identity) context.identity = identity;
    return Promise.resolve(identity);
  };
  const gate: Gate = {
    identify,
    requireSession: async (context, asked, ways) =>
      (await identify(context, asked, ways)) ??
      complaintResponse(complaints.unauthenticated, "/", asked.headers.get("accept")),
  };
  const proxied = createProxyApps({
    config: { apps, serverName: "example.org" },
    gate,
    log,
    members: {
      onChange(listener: () => void) {
        changes.on("change", listener);
        return () => void changes.off("change", listener);
      },
    },
  } as unknown as AppContext);

  const key = makeEdgeKey("k1");
  const nonces = openNonces({ folder: join(folder, "nonces"), now: () => now });
  const hosts = new Map(apps.map((app) => [app.host, `app-${app.name}`]));
  const listener = await startListener({
    listen: { kind: "tcp", host: "127.0.0.1", port: 0 },
    proof: createEdgeProof({ keys: [key], now: () => now, nonces, panic: () => "none" }),
    hosts,
    trusted: trustedHeaders(apps),
    dispatch: createDispatch({ hosts, gateRoutes: new Hono<HttpEnv>(), apps: proxied, log }),
    log,
  });
  t.after(async () => {
    for (const app of proxied) await app.close?.();
    await listener.close(0);
    upstream.closeAllConnections();
    upstream.close();
    nonces.close();
  });
  if (listener.address.kind !== "tcp") throw new Error("a port was asked for");
  const { port } = listener.address;

  const signed: ProxyHouse["signed"] = (method, path, headers = {}) => ({
    ...headers,
    ...signedHeaders({
      key,
      created: now / 1000,
      method,
      target: path,
      client: { host, scheme: "https", addr: "192.0.2.7", time: now / 1000 },
    }),
  });
  return {
    port,
    upstream,
    lines,
    signed,
    putOut(name) {
      out.add(name);
      changes.emit("change");
    },
    async ask(path, { method = "GET", as, headers = {}, body } = {}) {
      const isCounted = body !== undefined && !("transfer-encoding" in headers);
      const fields = {
        // Node tells no length of its own accord with a DELETE.
        ...(isCounted && { "content-length": String(Buffer.byteLength(body)) }),
        ...headers,
        ...(as !== undefined && { cookie: cookieOf(as) }),
      };
      const outgoing = request({
        port,
        host: "127.0.0.1",
        method,
        path,
        agent: false,
        headers: signed(method, path, fields),
      });
      outgoing.end(body);
      const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) };
    },
  };
}

/** A member's request whose answer is looked at while it arrives. */
export function begin(
  house: ProxyHouse,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): ClientRequest {
  const { method = "GET", headers = {} } = options;
  return request({
    port: house.port,
    host: "127.0.0.1",
    method,
    path,
    agent: false,
    headers: house.signed(method, path, { cookie: cookieOf("ben"), ...headers }),
  });
}

export async function answerOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  return incoming;
}

/** Says what reached it: its raw fields, by their names in lower case. */
export const mirror: RequestListener = (incoming, outgoing) => {
  const fields: Record<string, string[]> = {};
  for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
    (fields[incoming.rawHeaders[index]?.toLowerCase() ?? ""] ??= []).push(
      incoming.rawHeaders[index + 1] ?? "",
    );
  }
  let bytes = 0;
  incoming.on("data", (chunk: Buffer) => (bytes += chunk.length));
  incoming.on("end", () => {
    const text = JSON.stringify({ method: incoming.method, url: incoming.url, fields, bytes });
    outgoing.writeHead(200, { "content-type": "application/json", "content-length": text.length });
    outgoing.end(text);
  });
};

/** What the mirror said. */
export interface Mirrored {
  readonly method: string;
  readonly url: string;
  readonly fields: Readonly<Record<string, string[]>>;
  readonly bytes: number;
}
