import type { RequestFields } from "../../http/request-context.ts";

/**
 * The names of our cookies. `__Host-` (RFC 6265bis §4.1.3.2) makes browsers keep each to the very host that set it:
 * no sibling app can read one, or put one in its place. It needs `Secure`, which browsers take from `http://localhost`
 * and `http://*.localhost` too.
 */
export const cookieNames = {
  session: "__Host-burrow-session",
  /** What an app host gives a browser before it sends it to the sign-in host (G3). */
  handOff: "__Host-burrow-handoff",
  /** Between the password and the second step. */
  signIn: "__Host-burrow-signin",
} as const;

/** All that any cookie of ours holds. */
const value = /^[\w.~-]{1,200}$/;

/** The cookie's value. Undefined also where there are two of the name: browsers send no such thing. */
export function readCookie(headers: RequestFields, name: string): string | undefined {
  const found = (headers.get("cookie") ?? "")
    .split(";")
    // RFC 6265 §5.4 and no more: `trim` would take `\u00a0__Host-…`, which any sibling host can set, for ours.
    .map((pair) => pair.replaceAll(/^[ \t]+|[ \t]+$/g, ""))
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  return found.length === 1 && value.test(found[0] ?? "") ? found[0] : undefined;
}

/**
 * A `Set-Cookie` field. Lax: a link in a chat must lead into an app signed in, and what changes anything is held by
 * the check of the origin (G4).
 */
export function makeCookie(name: string, content: string, maxAgeSeconds: number): string {
  return `${name}=${content}; Path=/; Max-Age=${Math.floor(maxAgeSeconds)}; Secure; HttpOnly; SameSite=Lax`;
}

/** A `Set-Cookie` field by which the browser forgets the cookie. */
export function forgetCookie(name: string): string {
  return makeCookie(name, "", 0);
}
