import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import type { ConnectionOptions } from "node:tls";
import { Agent } from "undici";
import { isOwnNetwork, isPublicAddress } from "../../../shared/vet-address.ts";
import { vetUrl } from "../../../shared/vet-url.ts";
import type { Config } from "../../config/config.ts";
import { readEdgeKeys } from "../../config/secrets.ts";
import { isLoopback } from "../../config/settings.ts";
import type { Log } from "../log.ts";
import { ACCEPTED_CODINGS, openAnswerBody } from "./answer-body.ts";
import { createConnector, type Lookup, openConnection, systemLookup, type TestSeam } from "./connector.ts";
import { createDirectHop } from "./direct-hop.ts";
import { createEdgeHop } from "./edge-hop.ts";
import { askAndFollow } from "./follow.ts";
import type { Hop, HopAnswer, HopRequest, OutboundBody } from "./hop.ts";
import { OutboundError, toOutboundError } from "./outbound-error.ts";
import { type OutboundPurpose, outboundPurposes, type PurposeRow } from "./purposes.ts";

export interface OutboundInit {
  /** GET unless told. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>> | Headers;
  /** A guarded request carries text or bytes, at most 128 KiB. */
  readonly body?: OutboundBody | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Of the answer, decoded; clamped to the purpose's limit. */
  readonly maxBytes?: number | undefined;
  /** For the whole, the body too; clamped to the purpose's limit. */
  readonly timeoutMs?: number | undefined;
}

/** The only way out. */
export interface Outbound {
  /**
   * Sends a request for a purpose of the table. The answer is a Response whose `url` is the one that answered, whatever
   * its status; read its body or cancel it. `guarded` and `download` follow redirects; the answer of a purpose that may
   * go to any public address is decoded.
   * Rejects with OutboundError, and so does the body where it breaks off.
   *
   * @example await outbound.fetch("guarded", "https://feeds.example.org/news.xml", { maxBytes: 2_000_000 })
   */
  fetch(purpose: OutboundPurpose, url: string, init?: OutboundInit): Promise<Response>;
  /**
   * Opens a connection for a purpose of the table that is no HTTP. Nothing was said on it yet: TLS is the caller's, with
   * `trust` as its options. Rejects with OutboundError.
   */
  connect(
    purpose: OutboundPurpose,
    host: string,
    port: number,
  ): Promise<{ readonly socket: Socket; readonly trust: ConnectionOptions }>;
  /** Calls off what is under way. */
  close(): Promise<void>;
}

export interface OutboundOptions {
  readonly config: Config;
  readonly log: Log;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly lookup?: Lookup;
  /** Key lines, the newest first; by default those of the data folder. */
  readonly readKeys?: () => readonly string[];
  readonly seam?: TestSeam & { readonly destinations?: Partial<Record<OutboundPurpose, readonly string[]>> };
}

/** Members' requests that are under way at once: each may hold a socket and a few buffers for a minute. */
const MOST_GUARDED = 32;
const GUARDED_BODY_MAX_BYTES = 131_072;
const HEAD_MAX_BYTES = 32_768;

/** Fetch standard, "null body status". */
const BODILESS = new Set([204, 205, 304]);

/** Ours to set, or state between two requests, which there is none of. */
const DROPPED_FROM_REQUEST = [
  ["host", "connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "expect"],
  ["proxy-authorization", "proxy-connection", "cookie", "accept-encoding"],
].flat();
const DROPPED_FROM_ANSWER = ["set-cookie", "connection", "keep-alive", "transfer-encoding", "trailer"];

export function createOutbound(options: OutboundOptions): Outbound {
  const { config, log, now, lookup = systemLookup, seam } = options;
  // Suites of others have their pages on this machine; a test server has nothing that could be reached by it.
  const isTest = config.testing !== undefined;
  const strict = openAgent((address, local) => {
    if (isTest) return true;
    return isPublicAddress(address) && !isOwnNetwork(address, local === undefined ? ownAddresses() : [local]);
  });
  // Where the owner says: a bucket or an ntfy at home is theirs to choose. TLS vouches for who answers.
  const trusting = openAgent(() => true);
  const direct = createDirectHop(trusting, { reuse: true });
  const guarded: Hop =
    config.outbound.through === "direct"
      ? createDirectHop(strict, { reuse: false })
      : createEdgeHop({
          publicUrl: config.publicUrl,
          readKeys: options.readKeys ?? (() => readEdgeKeys(config.dataDir)),
          now,
          send: async (request) => {
            vetListed("edge", request.url.href);
            return await direct(request);
          },
        });
  const ownHosts = new Set([
    ...config.hosts.keys(),
    new URL(config.publicUrl).hostname,
    config.edge.tunnelHost,
  ]);
  const underWay = new Set<AbortController>();
  let guardedUnderWay = 0;

  function openAgent(allows: (address: string, local?: string) => boolean): Agent {
    return new Agent({
      connect: createConnector({ lookup, allows, seam }),
      maxHeaderSize: HEAD_MAX_BYTES,
      // The whole has one time, told by its signal.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  function vetListed(purpose: OutboundPurpose, text: string): URL {
    const url = URL.parse(text);
    if (url === null || url.username !== "" || url.password !== "") throw new OutboundError("bad-url");
    const listed = seam?.destinations?.[purpose] ?? outboundPurposes[purpose].destinations(config);
    // In clear text only to a process of this machine.
    const isClear = url.protocol === "http:" && (url.hostname === "localhost" || isLoopback(url.hostname));
    if ((url.protocol !== "https:" && !isClear) || !listed.includes(url.origin))
      throw new OutboundError("not-listed");
    return url;
  }

  function vetGuarded(text: string): URL {
    const url = isTest ? (URL.parse(text) ?? "not-a-url") : vetUrl(text, ownHosts);
    if (typeof url === "string") throw new OutboundError(url === "host" ? "forbidden-address" : "bad-url");
    return url;
  }

  async function ask(
    purpose: OutboundPurpose,
    text: string,
    init: OutboundInit,
    turn: Turn,
  ): Promise<Response> {
    const row: PurposeRow = outboundPurposes[purpose];
    const isGuarded = row.destinations(config) === "public";
    const vet = isGuarded ? vetGuarded : (target: string) => vetListed(purpose, target);
    const maxBytes = Math.min(init.maxBytes ?? row.bytes.usual, row.bytes.most);
    const url = vet(text);
    const first: HopRequest = {
      ...readInit(init, row, isGuarded),
      url,
      maxBytes,
      signal: turn.signal,
      timeoutMs: turn.timeoutMs,
    };
    const hop = isGuarded ? guarded : direct;
    const outcome = await askAndFollow(first, { hop, vet, most: row.mostRedirects });
    return toResponse(outcome, { maxBytes, decodes: isGuarded, ...turn });
  }

  return {
    async fetch(purpose, text, init = {}) {
      const isGuarded = outboundPurposes[purpose].destinations(config) === "public";
      if (isGuarded && guardedUnderWay >= MOST_GUARDED) throw new OutboundError("busy");
      const { usual, most } = outboundPurposes[purpose].timeMs;
      const timeoutMs = Math.min(init.timeoutMs ?? usual, most);
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(new OutboundError("timeout")), timeoutMs);
      const signal = init.signal ? AbortSignal.any([init.signal, stop.signal]) : stop.signal;
      underWay.add(stop);
      if (isGuarded) guardedUnderWay += 1;
      const done = (): void => {
        clearTimeout(timer);
        if (underWay.delete(stop) && isGuarded) guardedUnderWay -= 1;
      };
      try {
        return await ask(purpose, text, init, { signal, timeoutMs, done });
      } catch (error) {
        done();
        const fault = toOutboundError(error, signal, "unreachable");
        // The host only: paths of feeds and hooks are secrets.
        log.info("outbound.failed", { purpose, host: URL.parse(text)?.host, code: fault.code });
        throw fault;
      }
    },
    async connect(purpose, host, port) {
      const row: PurposeRow = outboundPurposes[purpose];
      const listed = row.destinations(config);
      if (listed === "public" || !listed.includes(`smtp://${host}:${port}`))
        throw new OutboundError("not-listed");
      try {
        return await openConnection({ lookup, allows: () => true, seam }, host, port);
      } catch (error) {
        const fault = error instanceof OutboundError ? error : new OutboundError("unreachable", error);
        log.info("outbound.failed", { purpose, host: `${host}:${port}`, code: fault.code });
        throw fault;
      }
    },
    async close() {
      for (const stop of underWay) stop.abort(new OutboundError("aborted"));
      await Promise.all([strict.destroy(), trusting.destroy()]);
    },
  };
}

/** One request's time, and what is to happen once it is over. */
interface Turn {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly done: () => void;
}

function readInit(
  init: OutboundInit,
  row: PurposeRow,
  isGuarded: boolean,
): Pick<HopRequest, "method" | "headers" | "body"> {
  const { method = "GET", body } = init;
  const isBodiless = method === "GET" || method === "HEAD";
  if (!row.methods.includes(method) || (isBodiless && body !== undefined))
    throw new OutboundError("bad-request");
  if (isGuarded && body !== undefined) {
    const size = typeof body === "string" ? Buffer.byteLength(body) : (body as Uint8Array).byteLength;
    if (!(size <= GUARDED_BODY_MAX_BYTES)) throw new OutboundError("bad-request");
  }
  let headers: Headers;
  try {
    headers = new Headers(init.headers);
  } catch (error) {
    throw new OutboundError("bad-request", error);
  }
  for (const name of DROPPED_FROM_REQUEST) headers.delete(name);
  if (!headers.has("user-agent")) headers.set("user-agent", "Burrow");
  if (!headers.has("accept")) headers.set("accept", "*/*");
  headers.set("accept-encoding", isGuarded ? ACCEPTED_CODINGS : "identity");
  return { method, headers, body };
}

function toResponse(
  { answer, url, method }: { answer: HopAnswer; url: URL; method: string },
  options: Turn & { maxBytes: number; decodes: boolean },
): Response {
  const { maxBytes, decodes, signal, done } = options;
  const { status, body } = answer;
  const headers = new Headers(answer.headers);
  for (const name of DROPPED_FROM_ANSWER) headers.delete(name);
  const coding = decodes ? headers.get("content-encoding") : null;
  try {
    if (status < 200 || status > 599) throw new OutboundError("bad-answer");
    let content: ReadableStream<Uint8Array> | null = null;
    if (method === "HEAD" || BODILESS.has(status)) {
      body.destroy();
      done();
    } else {
      if (coding === null && Number(headers.get("content-length") ?? 0) > maxBytes)
        throw new OutboundError("too-large");
      content = openAnswerBody({ body, coding, maxBytes, signal, done });
    }
    if (coding !== null) for (const name of ["content-encoding", "content-length"]) headers.delete(name);
    return Object.defineProperty(new Response(content, { status, headers }), "url", { value: url.href });
  } catch (error) {
    body.destroy();
    throw error;
  }
}

/** On some Androids the call itself throws; there the connection's own end tells what it can. */
function ownAddresses(): string[] {
  try {
    return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  } catch {
    return [];
  }
}
