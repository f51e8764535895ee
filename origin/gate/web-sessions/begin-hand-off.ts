import type { RequestContext } from "../../http/request-context.ts";
import { originOf } from "../../http/same-origin.ts";
import type { Asking } from "../gate.ts";
import { nextPath } from "../next-path.ts";
import { cookieNames, makeCookie, readCookie } from "./cookies.ts";
import { isNonce, makeNonce, stateOf } from "./hand-offs.ts";
import { isReading } from "./judge-cookie.ts";

/** Long enough to find a phone for the second step, in seconds. */
const nonceMaxAge = 30 * 60;

/** Whether a person's browser wants to open a page, so that it can be led elsewhere and back. */
export function isNavigation({ method, headers }: Asking): boolean {
  if (!isReading(method) || headers.has("upgrade") || headers.has("authorization")) return false;
  const mode = headers.get("sec-fetch-mode");
  if (mode !== null) return mode === "navigate" && headers.get("sec-fetch-dest") === "document";
  return /\btext\/html\b/i.test(headers.get("accept") ?? "");
}

/**
 * Sends the browser to the sign-in host, with a nonce in a cookie of this host, whose hash the code will be bound to.
 * A nonce that is there stays, so that several tabs can be under way at once.
 */
export function beginHandOff(context: RequestContext, request: Asking, signInHost: string): Response {
  const { client } = context;
  const known = readCookie(request.headers, cookieNames.handOff);
  const nonce = isNonce(known) ? known : makeNonce();
  const { pathname, search } = new URL(request.url);
  const query = new URLSearchParams({
    host: client.host,
    next: nextPath(`${pathname}${search}`),
    state: stateOf(nonce),
  });
  return new Response(null, {
    status: 303,
    headers: {
      location: `${originOf(client, signInHost)}/hand-off?${query.toString()}`,
      "set-cookie": makeCookie(cookieNames.handOff, nonce, nonceMaxAge),
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
    },
  });
}
