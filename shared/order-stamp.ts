/** What the origin orders of the edge, each signed by a key derived for that alone. */
export type OrderKind = "fetch" | "heartbeat";

/** What an order says of itself. */
export interface OrderStamp {
  keyid: string;
  /** Unix seconds, in the edge's clock. */
  created: number;
  nonce: string;
}

/** The text under an order's mac: HMAC-SHA256 by the key that is derived for its kind. */
export function orderBase(kind: OrderKind, { keyid, created, nonce }: OrderStamp, body: string): string {
  return `burrow-${kind} v1\nkeyid: ${keyid}\ncreated: ${created}\nnonce: ${nonce}\n\n${body}`;
}

/** The field's value; `mac` is base64. */
export function formatOrderStamp({ keyid, created, nonce }: OrderStamp, mac: string): string {
  return `v=1, keyid="${keyid}", created=${created}, nonce="${nonce}", mac=:${mac}:`;
}

const STAMP =
  /^v=1, keyid="([a-z0-9][a-z0-9-]{0,31})", created=([1-9][0-9]{0,11}), nonce="([A-Za-z0-9_-]{22})", mac=:([A-Za-z0-9+/]{43}=):$/;

/** Reads what `formatOrderStamp` wrote and nothing else; the mac is not yet verified. */
export function parseOrderStamp(field: string): { stamp: OrderStamp; mac: string } | undefined {
  const [, keyid, created, nonce, mac] = STAMP.exec(field) ?? [];
  if (keyid === undefined || nonce === undefined || mac === undefined) return undefined;
  return { stamp: { keyid, created: Number(created), nonce }, mac };
}
