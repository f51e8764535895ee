import type { Account, KoaContextWithOIDC } from "oidc-provider";
import { groupsOf, mayUse } from "./clients.ts";
import type { OidcContext } from "./oidc-context.ts";

/**
 * The member of a subject, as the provider wants it. `forToken`: a code or token is about to be used in their name, so
 * that whom the owner has shut out of the app since is not there; while signing in they are told so instead.
 */
export function findAccount(
  { members, subjects, ownClients, config }: OidcContext,
  { oidc }: KoaContextWithOIDC,
  subject: string,
  forToken: boolean,
): Account | undefined {
  const memberId = subjects.memberOf(subject);
  const member = memberId === undefined ? undefined : members.get(memberId);
  if (!member || member.state === "deactivated" || member.lockedAt !== null) return undefined;
  const own = ownClients.get(oidc.client?.clientId ?? "");
  if (own && forToken && !mayUse(own, member)) return undefined;
  return {
    accountId: subject,
    claims: () => ({
      sub: subject,
      name: member.name,
      preferred_username: member.name,
      // The server gives names out, each to one member, and its domain is the owner's.
      email: `${member.name}@${config.serverName}`,
      email_verified: true,
      ...(own && { groups: groupsOf(own, member) }),
    }),
  };
}
