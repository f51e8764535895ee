import { isWithinWindow, PROOF_WINDOW_SECONDS } from "../../shared/edge-proof.ts";
import {
  FETCH_ORDER_HEADER,
  FETCH_ORDER_MAX_BYTES,
  FETCH_ORDER_PATH,
  FETCHED_FIELDS,
  FETCHED_HEADER,
  formatFetched,
  orderBase,
  parseFetchOrder,
  parseOrderStamp,
} from "../../shared/fetch-order.ts";
import type { Fetched, FetchFault, FetchOrder, OrderStamp } from "../../shared/fetch-order.ts";
import { decodeBase64 } from "../../shared/text-codec.ts";
import { vetUrl } from "../../shared/vet-url.ts";
import type { Edge } from "../edge.ts";
import type { Visit } from "../visit.ts";
import { refuse } from "./refusal.ts";

const METHODS = new Set(["GET", "HEAD", "POST"]);
const NONCES_KEPT = 4_096;
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
  const believed = await readOrder(field, request.body, edge);
  if (believed === undefined)
    return refuse(visit, {
      status: 404,
      code: "not_found",
      errcode: "M_UNRECOGNIZED",
      title: "Not found",
      message: "There is nothing at this address.",
    });
  const fault = judgeStamp(believed.stamp, edge);
  if (fault !== undefined) return hand({ fault, time: Date.now() });
  const order = parseFetchOrder(believed.text);
  if (order === undefined || !METHODS.has(order.method))
    return hand({ fault: "malformed", time: Date.now() });
  return await carryOut(order, new Set([...edge.hosts.keys(), visit.env.ORIGIN_HOST ?? ""]));
}

/** The order's text, once its mac is verified. */
async function readOrder(
  field: string,
  body: ReadableStream<Uint8Array> | null,
  edge: Edge,
): Promise<{ stamp: OrderStamp; text: string } | undefined> {
  const parsed = parseOrderStamp(field);
  const text = await readText(body);
  if (parsed === undefined || text === undefined || parsed.stamp.keyid !== edge.keyid) return undefined;
  const base = new TextEncoder().encode(orderBase(parsed.stamp, text));
  const mac = decodeBase64(parsed.mac);
  const good = await crypto.subtle.verify("HMAC", edge.fetchKey, mac, base);
  return good ? { stamp: parsed.stamp, text } : undefined;
}

async function readText(body: ReadableStream<Uint8Array> | null): Promise<string | undefined> {
  if (body === null) return undefined;
  const decoder = new TextDecoder();
  let [text, taken] = ["", 0];
  for await (const chunk of body) {
    taken += chunk.byteLength;
    if (taken > FETCH_ORDER_MAX_BYTES) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** A replay is noticed where it meets the same isolate: all that it gains elsewhere is one more fetch of a page. */
function judgeStamp({ created, nonce }: OrderStamp, { fetchNonces }: Edge): FetchFault | undefined {
  const second = Math.floor(Date.now() / 1000);
  if (!isWithinWindow(created, second)) return "stale";
  if (fetchNonces.has(nonce)) return "replayed";
  if (fetchNonces.size >= NONCES_KEPT) {
    for (const [known, time] of fetchNonces)
      if (time < second - PROOF_WINDOW_SECONDS || fetchNonces.size >= NONCES_KEPT) fetchNonces.delete(known);
  }
  fetchNonces.set(nonce, created);
  return undefined;
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
