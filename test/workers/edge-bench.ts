import type { TestContext } from "node:test";

import { createEdgeProof } from "../../origin/http/edge-proof.ts";
import type { AcceptedProof, EdgeProof } from "../../origin/http/edge-proof.ts";
import type { Nonces } from "../../origin/http/nonces.ts";
import type { PanicLevel } from "../../shared/panic.ts";
import { incoming, makeEdgeKey } from "../http/signed-request.ts";

/** The Worker as these tests see it: the checker reads workers/ under workerd's types, which Node's do not go with. */
interface WorkerModule {
  default: {
    fetch(request: RequestLike, env: object, ctx: object): Promise<Response>;
    scheduled(event: object, env: object, ctx: object): Promise<void>;
  };
}

/** What the Worker reads of a request: a plain value, since Node's own Request would normalise the URL. */
export interface RequestLike {
  url: string;
  method: string;
  headers: Headers;
  body: ReadableStream<Uint8Array> | null;
  signal: AbortSignal;
}

/** What reached the origin with a good proof. */
export interface Arrival {
  request: Request;
  verdict: AcceptedProof;
}

export interface EdgeBench {
  /** The requests that the origin accepted, in order. */
  readonly arrivals: Arrival[];
  /** Every request that went out, accepted or not. */
  readonly sent: Request[];
  /** Lines that were logged as errors. */
  readonly alerts: string[];
  /** Failures that the sentinel was told of. */
  readonly told: number[];
  /** What the sentinel has been told of a panic, and how often it was asked. */
  readonly kept: { told: string; lostBy: string | null; reads: number; beats: number };
  readonly clock: { originAheadMs: number };
  readonly proof: EdgeProof;
  /** The origin itself, for a way to it that is not the ORIGIN binding. */
  readonly serve: (request: Request) => Promise<Response>;
  ask(url: string, init?: RequestInit & { duplex?: string }): Promise<Response>;
  heartbeat(): Promise<void>;
}

export interface EdgeBenchOptions {
  /** What the origin answers to an accepted request; the reply proof is put on it. */
  answer?: (arrival: Arrival) => Response | Promise<Response>;
  /** Stands in the origin's place, without its key. */
  impostor?: (request: Request, proof: EdgeProof) => Response | Promise<Response>;
  env?: Record<string, unknown>;
  /** The key line of both sides; a fresh one unless given. */
  key?: string;
  /** In force at the origin. */
  panic?: () => PanicLevel;
}

const { default: worker } = (await import(
  new URL("../../workers/worker.ts", import.meta.url).href
)) as WorkerModule;

/** The real Worker before a stand-in Fetcher that verifies as the origin does. */
export function benchEdge(t: TestContext, options: EdgeBenchOptions = {}): EdgeBench {
  const { key = makeEdgeKey("k1") } = options;
  const clock = { originAheadMs: 0 };
  const now = (): number => Date.now() + clock.originAheadMs;
  const proof = createEdgeProof({
    keys: [key],
    now,
    nonces: rememberNonces(),
    panic: options.panic ?? (() => "none"),
  });
  const [arrivals, sent, alerts, told]: [Arrival[], Request[], string[], number[]] = [[], [], [], []];
  const kept: EdgeBench["kept"] = { told: "none", lostBy: null, reads: 0, beats: 0 };
  t.mock.method(console, "error", (line: string) => alerts.push(line));

  async function serve(request: Request): Promise<Response> {
    sent.push(request);
    if (options.impostor !== undefined) return options.impostor(request, proof);
    const target = request.url.replace(/^https?:\/\/[^/]*/, "");
    const verdict = proof.verify(incoming(request.method, target, [...request.headers]));
    if (verdict.proof !== "accepted")
      return withProof(new Response("the origin's own words", { status: 401 }), proof, verdict);
    const arrival = { request, verdict };
    arrivals.push(arrival);
    return withProof((await options.answer?.(arrival)) ?? new Response("ok"), proof, verdict);
  }

  const env = {
    HOSTS: "burrow.example.org=home 127.0.0.1=home",
    HSTS_STAGE: "trial",
    EDGE_KEY: key,
    // As fetch does: aborted, it rejects whatever the origin is about.
    ORIGIN: { fetch: (request: Request) => Promise.race([serve(request), untilAborted(request.signal)]) },
    // No mail has come while the server was lost.
    MAIL_LOST: { list: () => Promise.resolve({ objects: [] }) },
    SENTINEL: {
      getByName: () => ({
        recordFailures: async (count: number) => void told.push(count),
        failures: async () => ({ recent: told.reduce((sum, count) => sum + count, 0), lastAt: 1 }),
        async panic() {
          kept.reads += 1;
          return { told: kept.told, lostBy: kept.lostBy };
        },
        notePanic: async (level: string) => void (kept.told = level),
        async beat(level: string) {
          kept.beats += 1;
          kept.told = level;
        },
        judge: async () => undefined,
      }),
    },
    ...options.env,
  };
  const waiting: Promise<unknown>[] = [];
  const ctx = { waitUntil: (promise: Promise<unknown>) => void waiting.push(promise) };
  return {
    arrivals,
    sent,
    alerts,
    told,
    kept,
    clock,
    proof,
    serve,
    async ask(url, init = {}) {
      const { method, headers, body, signal } = new Request("http://stand-in.example.org", {
        ...init,
        headers: { "cf-connecting-ip": "192.0.2.7", ...(init.headers as Record<string, string>) },
      });
      const response = await worker.fetch(
        { url, method, headers, body, signal: init.signal ?? signal },
        env,
        ctx,
      );
      await Promise.all(waiting);
      return response;
    },
    heartbeat: () => worker.scheduled({ scheduledTime: 0 }, env, ctx),
  };
}

/** The response with the reply proof of its verdict. */
export function withProof(
  response: Response,
  proof: EdgeProof,
  verdict: Parameters<EdgeProof["replyHeader"]>[0],
): Response {
  response.headers.set("burrow-reply", proof.replyHeader(verdict, response.status));
  return response;
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });
}

function rememberNonces(): Nonces {
  const seen = new Set<string>();
  return {
    remember: (nonce) => (seen.size === seen.add(nonce).size ? "replayed" : "fresh"),
    close: () => undefined,
  };
}
