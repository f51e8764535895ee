import { hash, randomBytes } from "node:crypto";

/** Every kind says what it is, so that a person who finds one (or a leak scanner) knows what to revoke. */
export type TokenKind = "access" | "refresh" | "invite" | "setup" | "ticket" | "web-session";

// Invites travel as Matrix registration tokens: [A-Za-z0-9._~-], at most 64 characters (MSC3231); base64url fits.
const shapes: Record<TokenKind, { prefix: string; bytes: number }> = {
  access: { prefix: "bat_", bytes: 32 },
  refresh: { prefix: "brt_", bytes: 32 },
  invite: { prefix: "bit_", bytes: 20 },
  setup: { prefix: "bst_", bytes: 20 },
  ticket: { prefix: "btt_", bytes: 32 },
  "web-session": { prefix: "bwt_", bytes: 32 },
};

export function makeToken(kind: TokenKind): string {
  const { prefix, bytes } = shapes[kind];
  return prefix + randomBytes(bytes).toString("base64url");
}

/**
 * What is kept of a token. One round of SHA-256 is enough for 160 random bits and more; and as rows are found by
 * this hash, how long the search takes tells nothing about the token.
 */
export function hashToken(token: string): Buffer {
  return hash("sha256", token, "buffer");
}
