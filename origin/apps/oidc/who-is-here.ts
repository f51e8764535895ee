import type { Context } from "hono";
import { isFresh } from "../../gate/full-session.ts";
import type { Identity } from "../../gate/identity.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { redirectTo } from "../../pages/redirect.ts";
import type { OidcContext } from "./oidc-context.ts";

/** Somebody in a browser of theirs. */
export type Here = Identity & { readonly sessionId: number };

/**
 * Who is signed in here. Suspended or not: they may sign in to Matrix (specification §Account suspension), and what else
 * is asked for in their name is judged by itself.
 */
export async function whoIsHere(oidc: OidcContext, c: Context<HttpEnv>): Promise<Here | undefined> {
  const identity = await oidc.gate.identify(c.env.context, c.req.raw, { suspended: true });
  return identity?.sessionId === undefined ? undefined : { ...identity, sessionId: identity.sessionId };
}

/** The same; whoever is not signed in is led to the sign-in page, and back where it can be come back to. */
export async function requireHere(oidc: OidcContext, c: Context<HttpEnv>): Promise<Here | Response> {
  const { pathname, search } = new URL(c.req.url);
  const next = c.req.method === "GET" ? pathname + search : pathname;
  return (await whoIsHere(oidc, c)) ?? redirectTo(`/sign-in?next=${encodeURIComponent(next)}`);
}

/**
 * As `requireHere`, of whoever has signed in, or confirmed it, within the last ten minutes: a browser left open must not
 * be enough to close an account, or to let another's keys pass for its own.
 */
export async function requireFreshHere(oidc: OidcContext, c: Context<HttpEnv>): Promise<Here | Response> {
  const here = await requireHere(oidc, c);
  if (here instanceof Response || isFresh(here, oidc.now())) return here;
  return redirectTo(`/confirm?next=${encodeURIComponent(new URL(c.req.url).pathname)}`);
}
