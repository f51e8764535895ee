import {
  FETCH_ORDER_HEADER,
  FETCH_ORDER_MAX_BYTES,
  FETCH_ORDER_PATH,
  FETCHED_FIELDS,
  FETCHED_HEADER,
  formatFetched,
  parseFetchOrder,
} from "../../shared/fetch-order.ts";
import type { Fetched, FetchOrder } from "../../shared/fetch-order.ts";
import { decodeBase64 } from "../../shared/text-codec.ts";
import { vetUrl } from "../../shared/vet-url.ts";
import type { Visit } from "../visit.ts";
import { judgeStamp, readOrder, refuseOrder } from "./believe-order.ts";

const METHODS = new Set(["GET", "HEAD", "POST"]);
/** Fetch standard, "null body status": a Response of them with a body throws. */
const BODILESS = new Set([101, 204, 205, 304]);

/**
 * Fetches for the origin what one of its members chose, so that the member's target sees the edge's address and not the
 * home's, and cannot be anything at home. Undefined for every other request. An order without a good mac is answered as
 * an address that does not exist; a redirect is handed back, for the origin judges each step itself.
 */
export async function fetchForOrigin(visit: Visit): Promise<Response | undefined> {
  const { request, url, edge } = visit;
  const field = request.headers.get(FETCH_ORDER_HEADER);
  if (url.pathname !== FETCH_ORDER_PATH || request.method !== "POST" || field === null) return undefined;
  const believed = await readOrder("fetch", field, request.body, { edge, maxBytes: FETCH_ORDER_MAX_BYTES });
  if (believed === undefined) return refuseOrder(visit);
  const fault = judgeStamp(believed.stamp, edge);
  if (fault !== undefined) return hand({ fault, time: Date.now() });
  const order = parseFetchOrder(believed.text);
  if (order === undefined || !METHODS.has(order.method))
    return hand({ fault: "malformed", time: Date.now() });
  return await carryOut(order, new Set([...edge.hosts.keys(), visit.env.ORIGIN_HOST ?? ""]));
}

async function carryOut(order: FetchOrder, ownHosts: ReadonlySet<string>): Promise<Response> {
  const target = vetUrl(order.url, ownHosts);
  if (typeof target === "string") return hand({ fault: "forbidden", time: Date.now() });
  const late = AbortSignal.timeout(order.timeoutMs);
  let answer: Response;
  try {
    answer = await fetch(target, {
      method: order.method,
      headers: order.headers,
      body: order.body === null ? null : decodeBase64(order.body),
      redirect: "manual",
      signal: late,
      cache: "no-store",
    });
  } catch {
    return hand({ fault: late.aborted ? "timeout" : "unreachable", time: Date.now() });
  }
  const coding = answer.headers.get("content-encoding") ?? "identity";
  // The runtime has undone these by the time that the body is read.
  if (!/^(?:identity|gzip|br)$/i.test(coding)) {
    await answer.body?.cancel();
    return hand({ fault: "bad-answer", time: Date.now() });
  }
  const headers = FETCHED_FIELDS.flatMap((name): [string, string][] => {
    const value = answer.headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  if (BODILESS.has(answer.status) || order.method === "HEAD") {
    await answer.body?.cancel();
    return hand({ status: answer.status, headers });
  }
  return hand({ status: answer.status, headers }, answer.body?.pipeThrough(capAt(order.maxBytes)));
}

/** Ends the body after the chunk in which it passes the cap: the origin counts too, and sees by that it was too large. */
function capAt(most: number): TransformStream<Uint8Array, Uint8Array> {
  let passed = 0;
  return new TransformStream({
    transform(chunk, controller) {
      passed += chunk.byteLength;
      controller.enqueue(chunk);
      if (passed > most) controller.terminate();
    },
  });
}

/** Always 200 and always bytes: what the foreign server said goes in one field, where nothing on the way acts on it. */
function hand(fetched: Fetched, body: ReadableStream<Uint8Array> | null = null): Response {
  return new Response(body, {
    headers: { [FETCHED_HEADER]: formatFetched(fetched), "content-type": "application/octet-stream" },
  });
}
