import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";

import { WebSocketServer } from "ws";

import { createEdgeProof } from "../../origin/http/edge-proof.ts";
import type { EdgeProof, EdgeVerdict } from "../../origin/http/edge-proof.ts";
import { openNonces } from "../../origin/http/nonces.ts";
import type { GuessVerdict } from "../../origin/http/request-context.ts";
import { ORIGIN_HEAD_MAX_BYTES } from "../../shared/limits.ts";

/** A small origin behind the real proof: says what reached it, and streams. */
export interface EdgeOrigin {
  readonly port: number;
  readonly proof: EdgeProof;
  /** `events-open` with the response of an event stream, `events-closed` when its reader has gone, `upload` with each
   * part of one, and its `complete` or `abort`. */
  readonly seen: EventEmitter;
  stop(): Promise<void>;
}

/** Listens on loopback; port 0 for any. The folder holds its nonces. */
export async function startEdgeOrigin(options: {
  key: string;
  folder: string;
  port?: number;
  now?: () => number;
  /** What it says of the secrets in a request. */
  guess?: (incoming: IncomingMessage) => GuessVerdict;
}): Promise<EdgeOrigin> {
  const now = options.now ?? Date.now;
  const nonces = openNonces({ folder: options.folder, now });
  const proof = createEdgeProof({ keys: [options.key], now, nonces, panic: () => "none" });
  const seen = new EventEmitter();

  const server = createServer({ maxHeaderSize: ORIGIN_HEAD_MAX_BYTES }, (incoming, outgoing) => {
    const verdict = proof.verify(incoming);
    const status = verdict.proof === "accepted" ? 200 : 401;
    outgoing.setHeader("burrow-reply", proof.replyHeader(verdict, status, options.guess?.(incoming)));
    outgoing.statusCode = status;
    if (verdict.proof !== "accepted") outgoing.end(verdict.fault);
    else answer(incoming, outgoing, verdict, seen);
  });
  serveWebSocketEcho(server, proof);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));

  return {
    port: (server.address() as AddressInfo).port,
    proof,
    seen,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      nonces.close();
    },
  };
}

function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  verdict: EdgeVerdict,
  seen: EventEmitter,
): void {
  const path = (incoming.url ?? "").split("?", 1)[0];
  if (path === "/echo") {
    outgoing.setHeader("content-type", "application/octet-stream");
    incoming.pipe(outgoing);
  } else if (path === "/count") {
    let bytes = 0;
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      seen.emit("upload");
    });
    incoming.on("end", () => {
      seen.emit("complete");
      outgoing.end(JSON.stringify({ bytes, length: incoming.headers["content-length"] ?? null }));
    });
    incoming.on("error", () => seen.emit("abort"));
  } else if (path === "/download") {
    const chunk = Buffer.alloc(1_000_000, 7);
    let left = 50;
    const more = (): void => {
      while (left > 0) {
        left -= 1;
        if (!outgoing.write(chunk)) return void outgoing.once("drain", more);
      }
      outgoing.end();
    };
    more();
  } else if (path === "/events") {
    outgoing.setHeader("content-type", "text/event-stream");
    outgoing.write("data: first\n\n");
    outgoing.on("close", () => seen.emit("events-closed"));
    seen.emit("events-open", outgoing);
  } else {
    outgoing.setHeader("content-type", "application/json");
    outgoing.end(
      JSON.stringify({ method: incoming.method, url: incoming.url, verdict, headers: incoming.headers }),
    );
  }
}

function serveWebSocketEcho(server: Server, proof: EdgeProof): void {
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [...offered][0] ?? false,
  });
  const verdicts = new WeakMap<IncomingMessage, EdgeVerdict>();
  sockets.on("headers", (headers, incoming) => {
    const verdict = verdicts.get(incoming);
    if (verdict !== undefined) headers.push(`burrow-reply: ${proof.replyHeader(verdict, 101)}`);
  });
  server.on("upgrade", (incoming, socket, head) => {
    const verdict = proof.verify(incoming);
    verdicts.set(incoming, verdict);
    if (verdict.proof !== "accepted")
      return void socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
    return sockets.handleUpgrade(incoming, socket, head, (client) => {
      client.on("message", (data, isBinary) => client.send(data, { binary: isBinary }));
    });
  });
}

/** A raw exchange: what no HTTP client would send as it is. */
export async function sendRaw(
  url: string,
  target: string,
  options: { method?: string; headers?: readonly string[]; body?: string } = {},
): Promise<{ status: number; head: string; body: string }> {
  const { hostname, port, host } = new URL(url);
  const { method = "GET", headers = [], body = "" } = options;
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, "Connection: close", ...headers, "", body];
  const text = await new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () =>
      socket.write(Buffer.from(lines.join("\r\n"), "utf8")),
    );
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("end", () => resolve(Buffer.concat(chunks).toString("latin1")));
    socket.on("error", reject);
  });
  const end = text.indexOf("\r\n\r\n");
  const head = text.slice(0, end);
  const raw = text.slice(end + 4);
  return {
    status: Number(head.split(" ")[1]),
    head: head.toLowerCase(),
    body: /^transfer-encoding: chunked/im.test(head) ? unchunk(raw) : raw,
  };
}

function unchunk(raw: string): string {
  let out = "";
  let rest = raw;
  for (;;) {
    const end = rest.indexOf("\r\n");
    const size = Number.parseInt(rest.slice(0, end), 16);
    if (!(size > 0)) return out;
    out += rest.slice(end + 2, end + 2 + size);
    rest = rest.slice(end + 2 + size + 2);
  }
}
