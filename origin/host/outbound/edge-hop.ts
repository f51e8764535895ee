import { type EdgeKey, parseEdgeKey } from "../../../shared/edge-key.ts";
import {
  FETCH_ORDER_HEADER,
  FETCH_ORDER_MAX_BYTES,
  FETCH_ORDER_MAX_MS,
  FETCH_ORDER_PATH,
  FETCHED_HEADER,
  FETCHED_MAX_BYTES,
  type FetchFault,
  type FetchOrder,
  parseFetched,
} from "../../../shared/fetch-order.ts";
import { signOrder } from "../sign-order.ts";
import type { Hop, HopAnswer, HopRequest } from "./hop.ts";
import { OutboundError, type OutboundFault } from "./outbound-error.ts";

const FAULTS: Readonly<Record<FetchFault, OutboundFault>> = {
  stale: "edge",
  replayed: "edge",
  malformed: "edge",
  forbidden: "forbidden-address",
  unreachable: "unreachable",
  timeout: "timeout",
  "bad-answer": "bad-answer",
};

export interface EdgeHopOptions {
  readonly publicUrl: string;
  /** Key lines, the newest first: during an exchange the edge knows one of two. Read for each order. */
  readonly readKeys: () => readonly string[];
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Takes the order to the edge. */
  readonly send: Hop;
}

/** Asks through the edge: an order, signed with a key derived for that alone, to this server's own public URL. */
export function createEdgeHop({ publicUrl, readKeys, now, send }: EdgeHopOptions): Hop {
  const url = new URL(FETCH_ORDER_PATH, publicUrl);
  /** Edge's clock minus ours: the phone's may be wrong, and the edge judges by its own. */
  let ahead = 0;

  async function order(
    request: HopRequest,
    text: string,
    key: EdgeKey,
  ): Promise<HopAnswer | FetchFault | null> {
    const created = Math.floor((now() + ahead) / 1000);
    const answer = await send({
      ...request,
      method: "POST",
      url,
      headers: new Headers({
        [FETCH_ORDER_HEADER]: signOrder("fetch", key, created, text),
        "content-type": "application/json",
        "accept-encoding": "identity",
      }),
      body: text,
    });
    const fetched = parseFetched(answer.headers.get(FETCHED_HEADER) ?? "");
    if (fetched === undefined || "fault" in fetched) {
      answer.body.destroy();
      if (fetched === undefined && answer.status !== 404) throw new OutboundError("edge");
      if (fetched?.fault === "stale") ahead = fetched.time - now();
      return fetched?.fault ?? null;
    }
    const headers = new Headers(fetched.headers);
    // The foreign server's coding is undone by then; one of the way here would be Cloudflare's own.
    const coding = answer.headers.get("content-encoding");
    if (coding !== null) headers.set("content-encoding", coding);
    return { status: fetched.status, headers, body: answer.body };
  }

  return async (request) => {
    const text = JSON.stringify(describe(request));
    if (Buffer.byteLength(text) > FETCH_ORDER_MAX_BYTES) throw new OutboundError("bad-request");
    for (const line of readKeys()) {
      const key = parseEdgeKey(line);
      if (key === undefined) continue;
      let outcome = await order(request, text, key);
      // The first may be stale by the clock that it teaches.
      if (outcome === "stale") outcome = await order(request, text, key);
      if (typeof outcome === "string") throw new OutboundError(FAULTS[outcome]);
      if (outcome !== null) return outcome;
    }
    throw new OutboundError("edge");
  };
}

function describe({ method, url, headers, body, maxBytes, timeoutMs }: HopRequest): FetchOrder {
  if (body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array))
    throw new OutboundError("bad-request");
  return {
    url: url.href,
    method,
    // The edge decodes, so it is the edge that says what it can.
    headers: [...headers].filter(([name]) => name !== "accept-encoding" && name !== "content-length"),
    body: body === undefined ? null : Buffer.from(body as Uint8Array).toString("base64"),
    maxBytes: Math.min(maxBytes, FETCHED_MAX_BYTES),
    timeoutMs: Math.min(timeoutMs, FETCH_ORDER_MAX_MS),
  };
}
