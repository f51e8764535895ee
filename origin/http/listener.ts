import { getRequestListener } from "@hono/node-server";
import { createServer, IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { canonicalisePath } from "../../shared/canonical-path.ts";
import { foldHeaderName } from "../../shared/headers.ts";
import { ORIGIN_HEAD_MAX_BYTES } from "../../shared/limits.ts";
import { REPLY_HEADER } from "../../shared/reply-proof.ts";
import type { ListenAddress } from "../config/config.ts";
import type { Log } from "../host/log.ts";
import { bind, type BoundAddress } from "./bind.ts";
import type { Dispatch } from "./dispatch.ts";
import type { AcceptedProof, EdgeProof } from "./edge-proof.ts";
import { complaintResponse, complaints, unexpectedError, writeComplaint } from "./errors.ts";
import { answerHealth } from "./health.ts";
import { ProvenResponse } from "./proven-response.ts";
import type { RequestContext, Upgrade } from "./request-context.ts";
import { createHeaderStripper } from "./strip-headers.ts";
import { answerUpgrade, offerUpgrade } from "./upgrade.ts";

export interface Listener {
  readonly address: BoundAddress;
  /** Cuts every connection that has left HTTP, or is about to: WebSockets. */
  cutUpgrades(): void;
  /** Stops accepting at once, waits for the answers under way (`graceMs` at most), then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** A connection that is neither sending its request nor taking its answer for so long is cut. */
const stalledMs = 75_000;
/** Longer than cloudflared keeps an idle connection (90 s): the side that sends must be the one that closes. */
const keepAliveMs = 100_000;

/**
 * Each waiting client holds one connection of cloudflared's, its devices one or two each; a phone's process may have
 * 1,024 open files, and the databases need theirs.
 */
const usualMostConnections = 512;
/** How often it is said that there are too many. */
const tellEveryMs = 60_000;

/** Contexts travel beside the request, never in a header. */
const contexts = new WeakMap<IncomingMessage, RequestContext>();
/** The answer that a connection waits for, or has had last. */
const answering = new WeakMap<Socket, ProvenResponse>();

/**
 * Listens, and answers only what the edge signed: every request is judged before anything else looks at it, and
 * every answer carries the reply proof. Throws BindError when it cannot listen.
 */
export async function startListener(options: {
  listen: ListenAddress;
  proof: EdgeProof;
  /** The hosts that are ours: the others get no health answer either. */
  hosts: ReadonlyMap<string, string>;
  /** Header names that some app takes at their word, so that no client's may pass. */
  trusted?: readonly string[];
  dispatch: Dispatch;
  log: Log;
  mostConnections?: number;
}): Promise<Listener> {
  const { proof, hosts, dispatch, log, trusted = [], mostConnections = usualMostConnections } = options;
  const stripHeaders = createHeaderStripper(new Set(trusted.map(foldHeaderName)));

  const serve = getRequestListener(
    (request, env) => {
      const { incoming, outgoing } = env as { incoming: IncomingMessage; outgoing: ProvenResponse };
      const context = contexts.get(incoming);
      if (!context) throw new Error("A request reached an app without a verdict.");
      return dispatch(request, { incoming, outgoing, context });
    },
    { errorHandler: (error) => answerBrokenRequest(log, error) },
  );

  const handle = (incoming: IncomingMessage, outgoing: ProvenResponse): void => {
    answering.set(incoming.socket, outgoing);
    const verdict = proof.verify(incoming);
    if (verdict.proof === "accepted") {
      answer(incoming, outgoing, verdict);
      return;
    }
    outgoing.replyProof = (status) => proof.replyHeader(verdict, status);
    refuse(incoming, outgoing);
  };
  const answer = (
    incoming: IncomingMessage,
    outgoing: ProvenResponse,
    verdict: AcceptedProof,
    upgrade?: Upgrade,
  ): void => {
    const context = createContext(verdict, upgrade);
    outgoing.replyProof = (status) => proof.replyHeader(verdict, status, context.guess);
    const path = pathOf(incoming);
    if (typeof canonicalisePath(path) === "string") {
      const { ambiguousPath } = complaints;
      const { headers, body } = writeComplaint(ambiguousPath, path, incoming.headers.accept ?? null);
      outgoing.writeHead(ambiguousPath.status, headers);
      outgoing.end(body);
      return;
    }
    if ((incoming.method === "GET" || incoming.method === "HEAD") && hosts.has(context.client.host)) {
      const health = answerHealth(path, proof, verdict);
      if (health) {
        outgoing.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
        outgoing.end(JSON.stringify(health));
        return;
      }
    }
    stripHeaders(incoming, hostField(verdict));
    contexts.set(incoming, context);
    // What rejects here was caught by nobody (an app that answered twice, say): it must cost only its own connection.
    serve(incoming, outgoing).catch((error: unknown) => {
      unexpectedError(log, error, { method: incoming.method ?? "", path });
      outgoing.destroy();
    });
  };

  const server = createServer(
    {
      ServerResponse: ProvenResponse,
      maxHeaderSize: ORIGIN_HEAD_MAX_BYTES,
      // A slow uplink needs longer than any fixed time for a large body: stalled connections are cut instead.
      requestTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      shouldUpgradeCallback: (incoming) => incoming.headers.upgrade?.toLowerCase() === "websocket",
    },
    handle,
  );
  // The interim 100 is for a proven request only; node would send it before anybody looked.
  server.on("checkContinue", (incoming: IncomingMessage, outgoing: ProvenResponse) => {
    handle(incoming, outgoing);
    if (contexts.has(incoming) && !outgoing.headersSent) outgoing.writeContinue();
  });
  server.on("checkExpectation", handle);
  /** Of which node knows no more: they have left HTTP, or are about to. */
  const upgrading = new Set<Duplex>();
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    upgrading.add(socket);
    socket.once("close", () => upgrading.delete(socket));
    const verdict = proof.verify(incoming);
    if (verdict.proof !== "accepted") {
      refuseUpgrade(socket, proof.replyHeader(verdict, 401));
      return;
    }
    const outgoing = answerUpgrade(incoming, socket);
    answer(incoming, outgoing, verdict, offerUpgrade(outgoing, socket, head));
  });
  server.setTimeout(stalledMs, (socket) => {
    const outgoing = answering.get(socket);
    // Waiting for an app (a long-poll, an event stream with nothing to tell) is no stall.
    const waits = outgoing && !outgoing.writableEnded && outgoing.writableLength === 0;
    if (!waits || !outgoing.req.complete) socket.destroy();
  });
  server.maxConnections = mostConnections;
  let toldAt = Number.NEGATIVE_INFINITY;
  server.on("drop", () => {
    if (performance.now() - toldAt < tellEveryMs) return;
    toldAt = performance.now();
    log.warn("listener.full", {
      connections: mostConnections,
      detail:
        "More are refused at once. If no clients explain it, look which program of this device holds them.",
    });
  });
  const address = await bind(server, options.listen);
  const cutUpgrades = (): void => {
    for (const socket of upgrading) socket.destroy();
  };
  return { address, cutUpgrades, close: (graceMs) => close(server, upgrading, graceMs) };
}

function createContext(verdict: AcceptedProof, upgrade: Upgrade | undefined): RequestContext {
  const { client } = verdict;
  return {
    ...(upgrade && { upgrade }),
    client: {
      host: client.host,
      ...(client.port !== undefined && { port: client.port }),
      scheme: client.scheme,
      address: client.addr,
      ray: client.ray ?? "",
      country: client.country ?? "",
    },
    ...(verdict.accessJwt !== undefined && { accessJwt: verdict.accessJwt }),
    edgeTime: client.time * 1000,
    guess: "none",
  };
}

function pathOf(incoming: IncomingMessage): string {
  const url = incoming.url ?? "";
  const mark = url.indexOf("?");
  return mark < 0 ? url : url.slice(0, mark);
}

function hostField({ client }: AcceptedProof): string {
  return client.port === undefined ? client.host : `${client.host}:${client.port}`;
}

/** E1: whoever is not the edge learns nothing, not even whether there is such a path. */
function refuse(incoming: IncomingMessage, outgoing: ProvenResponse): void {
  const body = '{"error":"unauthorized"}';
  outgoing.writeHead(401, {
    "content-type": "application/json",
    "content-length": body.length,
    "cache-control": "no-store",
    // The body, if there is one, is not read: the connection cannot be used again.
    ...(incoming.complete ? {} : { connection: "close" }),
  });
  outgoing.end(body);
}

function refuseUpgrade(socket: Duplex, replyProof: string): void {
  socket.end(
    `HTTP/1.1 401 ${STATUS_CODES[401]}\r\n${REPLY_HEADER}: ${replyProof}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}

/** A target or body that node-server cannot make a Request of is the client's doing; the rest is ours. */
function answerBrokenRequest(log: Log, error: unknown): Response {
  if (error instanceof Error && error.name === "RequestError") {
    return complaintResponse(complaints.badRequest, "/", null);
  }
  const complaint = unexpectedError(log, error, { method: "", path: "" });
  return complaintResponse(complaint, "/", null);
}

async function close(
  server: Server<typeof IncomingMessage, typeof ProvenResponse>,
  upgrading: ReadonlySet<Duplex>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => {
    server.closeAllConnections();
    for (const socket of upgrading) socket.destroy();
  }, graceMs);
  await closed;
  clearTimeout(cut);
}
