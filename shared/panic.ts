import type { Complaint } from "./answers.ts";
import { canonicalisePath } from "./canonical-path.ts";
import { opensSession } from "./guess-routes.ts";

/**
 * What is closed, the weakest first: `logins` opens no new session, `soft` answers nobody, `hard` stops what runs
 * beside the origin as well, and `lost`, which is the edge's alone, forwards nothing and believes no key.
 */
export const PANIC_LEVELS = ["none", "logins", "soft", "hard", "lost"] as const;

/** The panic level in force. */
export type PanicLevel = (typeof PANIC_LEVELS)[number];

/** The level of those given that closes the most: one that is in force is never loosened by another. */
export function strongestPanic(...levels: readonly PanicLevel[]): PanicLevel {
  return PANIC_LEVELS[Math.max(0, ...levels.map((level) => PANIC_LEVELS.indexOf(level)))] ?? "lost";
}

/** In seconds: a person lets go of the latch, and clients that ask every half minute until then cost the edge. */
export const PANIC_RETRY_AFTER = 900;

/** Says no more than that: neither why, nor since when, nor whose doing it is. */
const CLOSED: Complaint = {
  status: 503,
  code: "closed",
  errcode: "M_UNKNOWN",
  title: "Closed for now",
  message: "This server is closed for now. Try again later.",
};

// 503: Matrix clients take a 403 of a sign-in for a wrong password, and say so.
const NO_SIGN_INS: Complaint = {
  status: 503,
  code: "sign_ins_closed",
  errcode: "M_UNKNOWN",
  title: "No sign-ins for now",
  message: "This server lets nobody sign in for now. Whoever is signed in stays so: try again later.",
};

/** Why a request is not answered while a level is in force, or undefined: both sides judge by this one. */
export function panicRefusal(
  level: PanicLevel,
  request: { method: string; path: string; app: string | undefined },
): Complaint | undefined {
  if (level === "none") return undefined;
  if (level === "logins") return opensSession(request.method, request.path) ? NO_SIGN_INS : undefined;
  return level !== "lost" && isWayBack(request) ? undefined : CLOSED;
}

/** Where the owner lets go of the latch with a passkey, and the files that this page is made of. */
function isWayBack(request: { method: string; path: string; app: string | undefined }): boolean {
  if (request.app !== "id") return false;
  const canonical = canonicalisePath(request.path);
  if (typeof canonical === "string") return false;
  const isRead = request.method === "GET" || request.method === "HEAD";
  return /^\/panic(?:\/|$)/.test(canonical.path) || (isRead && canonical.path.startsWith("/assets/"));
}
