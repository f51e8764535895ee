import { decodeBase64Url, encodeBase64Url } from "./text-codec.ts";

/** The secret that the two sides share; `keyid` names it in each signature. */
export interface EdgeKey {
  keyid: string;
  secret: Uint8Array<ArrayBuffer>;
}

export const EDGE_KEY_BYTES = 32;

/**
 * HKDF-SHA256 (RFC 5869) with an empty salt makes several keys of the one secret, so that a signature for
 * one use (request, reply, order to fetch, sign of life) can never be passed off as one for another. Both sides use these very values.
 */
export const EDGE_KEY_DERIVATION = {
  hash: "SHA-256",
  bytes: 32,
  requestInfo: "burrow request",
  replyInfo: "burrow reply",
  fetchInfo: "burrow fetch",
  canaryInfo: "burrow canary",
  heartbeatInfo: "burrow heartbeat",
} as const;

const KEY_LINE = /^([a-z0-9][a-z0-9-]{0,31})\.([A-Za-z0-9_-]{43})$/;

/** Reads `<keyid>.<base64url of 32 bytes>`; undefined when the line has any other form. */
export function parseEdgeKey(line: string): EdgeKey | undefined {
  const match = KEY_LINE.exec(line.trim());
  if (match === null) return undefined;
  const secret = decodeBase64Url(match[2] ?? "");
  if (secret?.length !== EDGE_KEY_BYTES) return undefined;
  return { keyid: match[1] ?? "", secret };
}

/** The one-line form that `parseEdgeKey` reads. */
export function formatEdgeKey(key: EdgeKey): string {
  return `${key.keyid}.${encodeBase64Url(key.secret)}`;
}
