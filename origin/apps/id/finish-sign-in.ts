import type { Context } from "hono";
import { formatDeviceCookie } from "../../../shared/device-cookie.ts";
import { browserOf } from "../../gate/web-sessions/browser-of.ts";
import { cookieNames, forgetCookie, makeCookie, readCookie } from "../../gate/web-sessions/cookies.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import type { Member } from "../../members/members.ts";
import { redirectTo } from "../../pages/redirect.ts";
import type { IdContext } from "./id-context.ts";

/**
 * Signs a browser in, after the last step. Always a new session: the one that the browser had before, of whomever,
 * ends. The browser is remembered, so that others' guesses never keep it waiting (E3). Throws locked.
 */
export async function finishSignIn(
  { members, guesses }: Pick<IdContext, "members" | "guesses">,
  c: Context<HttpEnv>,
  member: Member,
  next: string,
): Promise<Response> {
  const { context } = c.env;
  const { headers } = c.req.raw;
  const session = await members.webSessions.open(member.id, browserOf(context, headers));
  const old = readCookie(headers, cookieNames.session);
  const before = old === undefined ? undefined : members.webSessions.find(old, context.client.host);
  if (before) await members.webSessions.end(before.member.id, before.id);
  return redirectTo(next, [
    makeCookie(cookieNames.session, session.token, session.lifetimeMs / 1000),
    formatDeviceCookie(await guesses.rememberDevice(member.id)),
    forgetCookie(cookieNames.signIn),
  ]);
}
