import type { interactionPolicy, KoaContextWithOIDC } from "oidc-provider";
import type { OidcContext } from "./oidc-context.ts";
import { mayUse } from "./clients.ts";

/** What the consent page is shown for, as the provider passes it on. */
export const refusedReason = "not_for_this_member";

/**
 * When a person is asked something: to sign up where the client wishes it (`prompt=create`), to sign in, and to agree.
 * The owner's own apps need no agreement, the owner has given it; a client that has registered itself needs it each time,
 * since anybody may register one under any name.
 */
export function createPolicy(
  library: typeof interactionPolicy,
  { ownClients, members, subjects }: Pick<OidcContext, "ownClients" | "members" | "subjects">,
): interactionPolicy.DefaultPolicy {
  const { Check, Prompt, base } = library;
  const policy = base();
  policy.add(new Prompt({ name: "create", requestable: true }), 0);
  policy
    .get("login")
    ?.checks.add(
      new Check("account_gone", "the account is not there any more", "login_required", ({ oidc }) =>
        oidc.session?.accountId === undefined ? false : oidc.account === undefined,
      ),
    );

  function isRefused({ oidc }: KoaContextWithOIDC): boolean {
    const own = ownClients.get(oidc.client?.clientId ?? "");
    if (!own) return false;
    const memberId = subjects.memberOf(oidc.session?.accountId ?? "");
    const member = memberId === undefined ? undefined : members.get(memberId);
    return member === undefined || !mayUse(own, member);
  }

  const consent = policy.get("consent");
  consent?.checks.remove("native_client_prompt");
  consent?.checks.add(
    new Check(refusedReason, "this member may not use the app", "access_denied", isRefused),
  );
  consent?.checks.add(
    new Check("registered_client", "the client has registered itself", "consent_required", ({ oidc }) => {
      return !ownClients.has(oidc.client?.clientId ?? "") && oidc.result?.consent === undefined;
    }),
  );
  return policy;
}
