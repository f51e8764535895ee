import { hash, randomBytes } from "node:crypto";
import { createShortLivedSecrets } from "../short-lived-secrets.ts";

/** What a code stands for, for 30 seconds. In memory: after a restart the browser just asks for another one. */
interface HandOff {
  /** The session of the sign-in host. */
  readonly sessionId: number;
  /** The app host that it is for. */
  readonly host: string;
  /** Hash of the cookie that the app host has set in the browser that asked. */
  readonly state: string;
  /** Where on the app host the browser wanted to go. */
  readonly next: string;
}

/**
 * The hand-over from the sign-in host to an app host (G3). A code is good once, on one host, and only in the browser
 * whose nonce cookie it was made for: who is sent somebody else's link is not signed in as them.
 */
export interface HandOffs {
  readonly issue: (handOff: HandOff) => string;
  /** The code is used up, also where it is of no use. Undefined: unknown, too old, or of another host. */
  readonly redeem: (code: string, host: string) => HandOff | undefined;
}

const lifetimeMs = 30_000;

export function createHandOffs(now: () => number): HandOffs {
  const codes = createShortLivedSecrets<HandOff>(now);
  return {
    issue: (handOff) => codes.issue(handOff, lifetimeMs),
    redeem(code, host) {
      const handOff = codes.take(code);
      return handOff?.host === host ? handOff : undefined;
    },
  };
}

export function makeNonce(): string {
  return randomBytes(32).toString("base64url");
}

/** What the sign-in host is told of a nonce. */
export function stateOf(nonce: string): string {
  return hash("sha256", nonce, "base64url");
}

/** Of a nonce and of its state alike: 256 bits in base64url. */
export function isNonce(text: string | undefined): text is string {
  return text !== undefined && /^[\w-]{43}$/.test(text);
}
