import type { Context, Hono } from "hono";
import type { AppContext } from "../../app.ts";
import type { Identity } from "../../gate/identity.ts";
import type { HandOffs } from "../../gate/web-sessions/hand-offs.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import type { Layout } from "../../pages/layout.ts";

/** What the pages of the sign-in host share. */
export interface IdContext
  extends Pick<AppContext, "config" | "log" | "members" | "gate" | "guesses" | "now"> {
  readonly routes: Hono<HttpEnv>;
  readonly layout: Layout;
  readonly handOffs: HandOffs;
}

/** A member in a browser of theirs. */
export type SignedIn = Identity & { readonly sessionId: number };

/** Who is signed in here, suspended or not: they may look after their own account in any case. */
export async function whoIsSignedIn(id: IdContext, c: Context<HttpEnv>): Promise<SignedIn | undefined> {
  const identity = await id.gate.identify(c.env.context, c.req.raw, { suspended: true });
  return identity?.sessionId === undefined ? undefined : { ...identity, sessionId: identity.sessionId };
}
