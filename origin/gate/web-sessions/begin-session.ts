import { formatDeviceCookie } from "../../../shared/device-cookie.ts";
import type { RequestContext } from "../../http/request-context.ts";
import type { Member, Members } from "../../members/members.ts";
import type { GuessLimits } from "../guess-limits/guess-limits.ts";
import { browserOf } from "./browser-of.ts";
import { cookieNames, forgetCookie, makeCookie, readCookie } from "./cookies.ts";

/**
 * Signs a browser in, after the last step, and gives the cookies to answer with. Always a new session: the one that the
 * browser had before, of whomever, ends. The browser is remembered, so that others' guesses never keep it waiting (E3).
 * Throws locked.
 */
export async function beginSession(
  { members, guesses }: { readonly members: Members; readonly guesses: GuessLimits },
  context: RequestContext,
  headers: Headers,
  member: Member,
): Promise<string[]> {
  const session = await members.webSessions.open(member.id, browserOf(context, headers));
  const old = readCookie(headers, cookieNames.session);
  const before = old === undefined ? undefined : members.webSessions.find(old, context.client.host);
  if (before) await members.webSessions.end(before.member.id, before.id);
  return [
    makeCookie(cookieNames.session, session.token, session.lifetimeMs / 1000),
    formatDeviceCookie(await guesses.rememberDevice(member.id)),
    forgetCookie(cookieNames.signIn),
  ];
}
