import type { RequestContext } from "../../http/request-context.ts";
import type { Members } from "../../members/members.ts";
import type { GuessLimits } from "../guess-limits/guess-limits.ts";
import type { Identity } from "../identity.ts";
import { readKeyCredentials } from "./key-credentials.ts";

/** Recognises members by the key that a request bears. */
export type IdentifyByKey = (
  context: RequestContext,
  authorization: string,
  ways: { readonly basic?: boolean | undefined; readonly bearer?: boolean | undefined },
) => Promise<Identity | undefined>;

/**
 * Every try goes through the limits; a header that holds no key of ours, or one of a way that the caller has not
 * opened, is no try. The identity has the key's scopes, and is never that of a full session.
 */
export function createIdentifyByKey(options: {
  readonly members: Pick<Members, "keys">;
  readonly guesses: Pick<GuessLimits, "attempt">;
  readonly serverName: string;
}): IdentifyByKey {
  const { members, guesses, serverName } = options;
  return async function identifyByKey(context, authorization, { basic = false, bearer = false }) {
    const credentials = readKeyCredentials(authorization, serverName);
    if (!credentials || !(credentials.kind === "api-key" ? bearer : basic)) return undefined;
    const { kind, secret } = credentials;
    const account = credentials.kind === "app-password" ? credentials.account : undefined;
    return guesses.attempt(context, { kind, account, credential: secret }, () => {
      const found = members.keys.verify(kind, secret, context.client.address);
      if (!found || (account !== undefined && account !== found.member.name)) return undefined;
      const { id, name, role } = found.member;
      return { memberId: id, name, role, via: kind, scopes: found.key.scopes };
    });
  };
}

/** Whether a key may do what asks for this scope; a session may all that its member may. */
export function mayUse(identity: Identity, scope: string): boolean {
  return identity.scopes === "all" || identity.scopes.includes(scope);
}
