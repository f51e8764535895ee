import type { IncomingMessage, ServerResponse } from "node:http";
import { type Duplex, pipeline } from "node:stream";
import type { Dispatcher } from "undici";
import type { RequestContext, Upgrade } from "../../http/request-context.ts";
import { freeWritten } from "./free-written.ts";
import { requestBody } from "./request-body.ts";
import { hasContent, requestFields, type Told } from "./request-fields.ts";
import { type Frontage, responseFields } from "./response-fields.ts";
import { faultOf, type UpstreamFault } from "./upstream-fault.ts";
import type { Upstream } from "./upstream.ts";

/** One request for an app. */
export interface Errand {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly context: RequestContext;
  readonly upstream: Upstream;
  readonly frontage: Frontage;
  readonly told: Told;
  /** Whether `Authorization` is the app's own affair. */
  readonly keepsCredential: boolean;
  /** There is no answer, and nothing of one was sent: say so to the client. */
  onFault(fault: UpstreamFault, error: unknown): void;
  /** All is over, however it went. Once. */
  onEnd(): void;
}

/** What is under way for a client, until its end. */
export interface Carried {
  /** Breaks it off on both sides, at once. */
  cut(): void;
}

const nothing = Buffer.alloc(0);

/** Sent again by themselves where a kept connection turns out to be closed (RFC 9110 §9.2.2). */
const repeatable = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Takes a request to its app and the answer to its client, streaming both ways: what one side does not take the other
 * is not asked for. Where the client leaves, the app's request ends; where the app breaks off in the middle, so does
 * the client's connection, for half an answer must never look whole.
 */
export function carry(errand: Errand): Carried {
  const { incoming, outgoing, context, frontage } = errand;
  const hasBody = hasContent(incoming);
  const request: Dispatcher.DispatchOptions = {
    path: incoming.url ?? "/",
    method: incoming.method ?? "GET",
    headers: requestFields(incoming, { ...errand, client: context.client, hasBody }),
    body: hasBody ? requestBody(incoming) : null,
    ...(context.upgrade && { upgrade: "websocket" }),
  };
  let controller: Dispatcher.DispatchController | undefined;
  let isOver = false;
  let mayRepeat = !hasBody && repeatable.has(request.method);
  let cutTunnel: (() => void) | undefined;

  function end(): void {
    if (isOver) return;
    isOver = true;
    outgoing.off("close", end);
    if (!outgoing.writableFinished) controller?.abort(new Error("The client has left."));
    errand.onEnd();
  }

  function resume(): void {
    controller?.resume();
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(begun) {
      controller = begun;
      if (isOver) begun.abort(new Error("The client has left."));
    },
    onResponseStart(_, status, headers) {
      // Interim answers are about what is still to come; the edge could not pass them on.
      if (status < 200 || isOver) return;
      outgoing.writeHead(status, responseFields(headers, status, frontage));
      // An event stream's reader is told at once that it is one. Not by flushHeaders, which writes UTF-8.
      if (headers["content-length"] === undefined) outgoing.write(nothing);
    },
    onResponseData(running, chunk) {
      if (isOver) return;
      if (outgoing.write(chunk, freeWritten(chunk))) return;
      running.pause();
      outgoing.once("drain", resume);
    },
    onResponseEnd() {
      outgoing.end();
    },
    onRequestUpgrade(_, status, headers, socket) {
      const { upgrade } = context;
      if (isOver || !upgrade) socket.destroy();
      else cutTunnel = join(upgrade, headers, status, socket);
    },
    onResponseError(_, error) {
      if (isOver) return;
      if (outgoing.headersSent) {
        outgoing.destroy();
        end();
        return;
      }
      const fault = faultOf(error);
      if (mayRepeat && fault === "broke-off") {
        mayRepeat = false;
        errand.upstream.dispatch(request, handler);
        return;
      }
      errand.onFault(fault, error);
    },
  };

  function join(
    upgrade: Upgrade,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    status: number,
    socket: Duplex,
  ): () => void {
    const fields = ["connection", "Upgrade", "upgrade", "websocket"];
    const client = upgrade.accept([...fields, ...responseFields(headers, status, frontage)]);
    const cut = (): void => {
      client.destroy();
      socket.destroy();
      end();
    };
    pipeline(client, socket, cut);
    pipeline(socket, client, cut);
    return cut;
  }

  outgoing.on("close", end);
  errand.upstream.dispatch(request, handler);
  return {
    cut() {
      if (isOver) return;
      if (cutTunnel) cutTunnel();
      else {
        outgoing.destroy();
        end();
      }
    },
  };
}
