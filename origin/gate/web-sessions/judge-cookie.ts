import type { RequestContext } from "../../http/request-context.ts";
import { isSameOrigin } from "../../http/same-origin.ts";
import type { Members } from "../../members/members.ts";
import type { WebSession } from "../../members/web-sessions/web-session.ts";
import type { Asking } from "../gate.ts";
import { cookieNames, readCookie } from "./cookies.ts";

/** What the session cookie of a request is worth. */
export type CookieVerdict =
  | { readonly kind: "signed-in"; readonly session: WebSession }
  | { readonly kind: "nobody" }
  /** A good cookie on what a page of another origin has sent (G4). */
  | { readonly kind: "foreign" }
  | { readonly kind: "suspended"; readonly session: WebSession };

/**
 * Judges the cookie of the host that is asked for. It authenticates no OPTIONS, and no unsafe method or WebSocket
 * unless a page of the very same origin asks: browsers send cookies along with what sibling apps do.
 */
export function judgeCookie(
  members: Pick<Members, "webSessions">,
  context: RequestContext,
  request: Asking,
): CookieVerdict {
  const token = readCookie(request.headers, cookieNames.session);
  if (token === undefined || request.method === "OPTIONS") return { kind: "nobody" };
  const session = members.webSessions.find(token, context.client.host);
  if (!session) return { kind: "nobody" };
  const isSafe = isReading(request.method) && !context.upgrade && !request.headers.has("upgrade");
  if (!isSafe && !isSameOrigin(context.client, request.headers)) return { kind: "foreign" };
  if (session.member.state === "suspended") return { kind: "suspended", session };
  return { kind: "signed-in", session };
}

export function isReading(method: string): boolean {
  return method === "GET" || method === "HEAD";
}
