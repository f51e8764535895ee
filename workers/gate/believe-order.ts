import { isWithinWindow, PROOF_WINDOW_SECONDS } from "../../shared/edge-proof.ts";
import { orderBase, type OrderKind, type OrderStamp, parseOrderStamp } from "../../shared/order-stamp.ts";
import { decodeBase64 } from "../../shared/text-codec.ts";
import type { Edge } from "../edge.ts";
import type { Visit } from "../visit.ts";
import { refuse } from "./refusal.ts";

const NONCES_KEPT = 4_096;

/** The text of an order of the origin's, once its mac is verified. Undefined where it is nobody's, or too long. */
export async function readOrder(
  kind: OrderKind,
  field: string,
  body: ReadableStream<Uint8Array> | null,
  { edge, maxBytes }: { edge: Edge; maxBytes: number },
): Promise<{ stamp: OrderStamp; text: string } | undefined> {
  const parsed = parseOrderStamp(field);
  const text = await readText(body, maxBytes);
  if (parsed === undefined || text === undefined || parsed.stamp.keyid !== edge.keyid) return undefined;
  const base = new TextEncoder().encode(orderBase(kind, parsed.stamp, text));
  const key = kind === "fetch" ? edge.fetchKey : edge.heartbeatKey;
  const good = await crypto.subtle.verify("HMAC", key, decodeBase64(parsed.mac), base);
  return good ? { stamp: parsed.stamp, text } : undefined;
}

/** An order without a good mac is answered as an address that does not exist. */
export function refuseOrder(visit: Visit): Response {
  return refuse(visit, {
    status: 404,
    code: "not_found",
    errcode: "M_UNRECOGNIZED",
    title: "Not found",
    message: "There is nothing at this address.",
  });
}

/** A replay is noticed where it meets the same isolate: all that it gains elsewhere is the same thing once more. */
export function judgeStamp(
  { created, nonce }: OrderStamp,
  { orderNonces }: Edge,
): "stale" | "replayed" | undefined {
  const second = Math.floor(Date.now() / 1000);
  if (!isWithinWindow(created, second)) return "stale";
  if (orderNonces.has(nonce)) return "replayed";
  if (orderNonces.size >= NONCES_KEPT) {
    for (const [known, time] of orderNonces)
      if (time < second - PROOF_WINDOW_SECONDS || orderNonces.size >= NONCES_KEPT) orderNonces.delete(known);
  }
  orderNonces.set(nonce, created);
  return undefined;
}

async function readText(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<string | undefined> {
  if (body === null) return undefined;
  const decoder = new TextDecoder();
  let [text, taken] = ["", 0];
  for await (const chunk of body) {
    taken += chunk.byteLength;
    if (taken > maxBytes) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
