import type { Context } from "hono";
import type { GuessLimits } from "../guess-limits/guess-limits.ts";
import { complaintResponse, complaints } from "../../http/errors.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import type { Members } from "../../members/members.ts";
import { browserOf } from "./browser-of.ts";
import { cookieNames, forgetCookie, makeCookie, readCookie } from "./cookies.ts";
import { type HandOffs, stateOf } from "./hand-offs.ts";
import { judgeCookie } from "./judge-cookie.ts";

/** On every app host, before the app itself: what is under `/.burrow/` is the gate's. */
export const arrivalPath = "/.burrow/arrive";

/** Exchanges the code that the sign-in host has made for a session of this host, and goes on to where it was wanted. */
export function createArrival(parts: {
  readonly members: Pick<Members, "webSessions">;
  readonly guesses: Pick<GuessLimits, "attempt">;
  readonly handOffs: HandOffs;
}): (c: Context<HttpEnv>) => Promise<Response> {
  const { members, guesses, handOffs } = parts;
  return async function arrive(c) {
    const { context } = c.env;
    const { headers } = c.req.raw;
    const code = c.req.query("code") ?? "";
    const nonce = readCookie(headers, cookieNames.handOff);
    const arrived = await guesses.attempt(context, { kind: "hand-off-code", credential: code }, async () => {
      const handOff = handOffs.redeem(code, context.client.host);
      if (!handOff) return undefined;
      if (nonce === undefined || stateOf(nonce) !== handOff.state) {
        // Two tabs of one browser may be under way: the second finds the session of the first, and gets no other.
        const isHere = judgeCookie(members, context, c.req.raw).kind === "signed-in";
        return isHere ? { next: handOff.next } : undefined;
      }
      const session = await members.webSessions.openChild(handOff.sessionId, browserOf(context, headers));
      return session && { next: handOff.next, session };
    });
    if (!arrived) return complaintResponse(complaints.staleArrival, c.req.path, headers.get("accept"));
    if (!arrived.session) return goTo(arrived.next);
    const { token, lifetimeMs } = arrived.session;
    return goTo(arrived.next, [
      makeCookie(cookieNames.session, token, lifetimeMs / 1000),
      forgetCookie(cookieNames.handOff),
    ]);
  };
}

function goTo(location: string, cookies: readonly string[] = []): Response {
  const response = new Response(null, {
    status: 303,
    headers: { location, "cache-control": "no-store", "referrer-policy": "no-referrer" },
  });
  for (const cookie of cookies) response.headers.append("set-cookie", cookie);
  return response;
}
