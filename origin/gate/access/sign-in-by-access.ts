import type { Config } from "../../config/config.ts";
import type { RequestContext } from "../../http/request-context.ts";
import type { Member, Members } from "../../members/members.ts";

/**
 * The member whom the owner has mapped to the e-mail that Access vouches for (`[[access.map_email]]`), so that signing in
 * takes one step. Undefined without a map, for a service token, on a path that no policy covers, and for an account that
 * may not sign in. Nothing is opened by this: it is the sign-in page that makes the session.
 */
export function memberByAccess(
  context: Pick<RequestContext, "access">,
  { config, members }: { config: Pick<Config, "access">; members: Pick<Members, "find"> },
): Member | undefined {
  const email = context.access?.email;
  const name = email === undefined ? undefined : config.access?.mapEmail.get(email);
  const member = name === undefined ? undefined : members.find(name);
  return member?.state === "active" && member.lockedAt === null ? member : undefined;
}
