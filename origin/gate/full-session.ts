import type { Authority } from "../members/authority.ts";
import { MembersError } from "../members/members.ts";
import type { Identity } from "./identity.ts";

/** How long a sign-in is fresh enough for what matters, in ms: after that, password or passkey is asked for again. */
export const freshFor = 10 * 60 * 1000;

/**
 * The one way from a request to the authority to mint keys, and to change how somebody signs in: a person in a
 * browser that has signed in. An API key, an app password, an app's token or the edge's Access never gets past
 * here, whatever its scopes (G5).
 *
 * @throws MembersError not-allowed.
 */
export function requireFullSession(identity: Identity): Authority {
  if (identity.via === "session" && identity.sessionId !== undefined) {
    return { via: "session", memberId: identity.memberId };
  }
  throw new MembersError("not-allowed", "No key can do this. Sign in with a browser.");
}

/** Whether the sign-in is recent enough for what matters. A clock set back makes none fresh. */
export function isFresh({ authenticatedAt }: Identity, now: number): boolean {
  return authenticatedAt !== undefined && authenticatedAt <= now && now - authenticatedAt < freshFor;
}
