import type { RequestContext } from "../http/request-context.ts";
import type { KeyScope } from "../members/keys/key-scopes.ts";
import type { Members } from "../members/members.ts";
import type { Asking, Gate } from "./gate.ts";
import { mayUse } from "./keys/identify-by-key.ts";

/**
 * Whether the owner asks, by `Authorization: Bearer`: with an API key of theirs that has one of the scopes, an access
 * token, or, where `tickets` says so, a ticket that the command line wrote into the data folder.
 */
export async function isOwner(
  { gate, members }: { gate: Gate; members: Members },
  { context, request }: { context: RequestContext; request: Asking },
  { scopes, tickets = false }: { scopes: readonly KeyScope[]; tickets?: boolean },
): Promise<boolean> {
  const token = /^Bearer ([\w.~+/=-]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (token === undefined) return false;
  if (tickets && members.ticketValid(token)) return true;
  const identity = await gate.identify(context, request, { bearer: true });
  if (identity)
    return (
      identity.via === "api-key" &&
      identity.role === "owner" &&
      scopes.some((scope) => mayUse(identity, scope))
    );
  const authentication = members.authenticate(token);
  return authentication.kind === "ok" && authentication.session.role === "owner";
}
