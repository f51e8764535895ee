import type { Context } from "hono";
import { beginSession } from "../../gate/web-sessions/begin-session.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import type { Member } from "../../members/members.ts";
import { redirectTo } from "../../pages/redirect.ts";
import type { IdContext } from "./id-context.ts";

/** Signs a browser in, after the last step, and goes on. Throws locked. */
export async function finishSignIn(
  parts: Pick<IdContext, "members" | "guesses">,
  c: Context<HttpEnv>,
  member: Member,
  next: string,
): Promise<Response> {
  return redirectTo(next, await beginSession(parts, c.env.context, c.req.raw.headers, member));
}
