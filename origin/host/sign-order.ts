import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { EDGE_KEY_DERIVATION, type EdgeKey } from "../../shared/edge-key.ts";
import { NONCE_BYTES } from "../../shared/edge-proof.ts";
import { formatOrderStamp, orderBase, type OrderKind } from "../../shared/order-stamp.ts";

/** The stamp of an order to the edge, by which it knows whose it is. `created`: Unix seconds of the edge's clock. */
export function signOrder(kind: OrderKind, key: EdgeKey, created: number, body: string): string {
  const stamp = { keyid: key.keyid, created, nonce: randomBytes(NONCE_BYTES).toString("base64url") };
  const { bytes, fetchInfo, heartbeatInfo } = EDGE_KEY_DERIVATION;
  const info = kind === "fetch" ? fetchInfo : heartbeatInfo;
  const secret = new Uint8Array(hkdfSync("sha256", key.secret, new Uint8Array(0), info, bytes));
  return formatOrderStamp(
    stamp,
    createHmac("sha256", secret)
      .update(orderBase(kind, stamp, body))
      .digest("base64"),
  );
}
