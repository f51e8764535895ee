import type { RequestContext } from "../../http/request-context.ts";
import type { Members } from "../../members/members.ts";
import type { IdentifyOptions } from "../gate.ts";
import type { GuessLimits } from "../guess-limits/guess-limits.ts";
import type { Identity } from "../identity.ts";
import { readKeyCredentials } from "./key-credentials.ts";

/** Recognises members by the key that a request bears; one who is suspended only where `suspended` says so. */
export type IdentifyByKey = (
  context: RequestContext,
  authorization: string,
  ways: IdentifyOptions,
) => Promise<Identity | "suspended" | undefined>;

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
  return async function identifyByKey(context, authorization, ways) {
    const credentials = readKeyCredentials(authorization, serverName);
    if (!credentials || ways[credentials.kind === "api-key" ? "bearer" : "basic"] !== true) return undefined;
    const { kind, secret } = credentials;
    const account = credentials.kind === "app-password" ? credentials.account : undefined;
    const found = await guesses.attempt(context, { kind, account, credential: secret }, () => {
      const known = members.keys.verify(kind, secret, context.client.address);
      return account === undefined || account === known?.member.name ? known : undefined;
    });
    if (!found) return undefined;
    const { id, name, role, state } = found.member;
    if (state === "suspended" && ways.suspended !== true) return "suspended";
    return { memberId: id, name, role, via: kind, scopes: found.key.scopes };
  };
}

/** Whether a key may do what asks for this scope; a session may all that its member may. */
export function mayUse(identity: Identity, scope: string): boolean {
  return identity.scopes === "all" || identity.scopes.includes(scope);
}
