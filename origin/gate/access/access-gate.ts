import { certsUrlOf } from "../../../shared/access-certs.ts";
import { accessRefusal, createAccessVerifier } from "../../../shared/access-jwt.ts";
import type { AccessFault } from "../../../shared/access-jwt.ts";
import { findPolicy } from "../../../shared/access-policy.ts";
import { EDGE_ITSELF } from "../../../shared/edge-client.ts";
import type { Config } from "../../config/config.ts";
import type { Log } from "../../host/log.ts";
import type { Outbound } from "../../host/outbound/outbound.ts";
import type { Dispatch } from "../../http/dispatch.ts";
import { complaintResponse } from "../../http/errors.ts";
import type { RequestContext } from "../../http/request-context.ts";
import type { Members } from "../../members/members.ts";

/** Asks Cloudflare Access's word where a policy of burrow.toml wants it: again, behind the edge that has done so. */
export interface AccessGate {
  /**
   * Sets `context.access`, or says why the request may not enter. Undefined where no policy covers the path, too.
   *
   * @param path Raw, without its query.
   * @param authorization The header field; a ticket of the command line enters without Access.
   */
  judge(
    context: RequestContext,
    path: string,
    authorization: string | null,
  ): Promise<AccessFault | undefined>;
}

/** Undefined where no team is configured. */
export function createAccessGate(options: {
  config: Pick<Config, "access">;
  outbound: Pick<Outbound, "fetch">;
  members: Pick<Members, "ticketValid">;
  now: () => number;
  log: Log;
}): AccessGate | undefined {
  const { outbound, members, now, log } = options;
  const { access } = options.config;
  if (access === undefined) return undefined;
  const url = access.certsUrl ?? certsUrlOf(access.team);

  async function fetchKeys(): Promise<unknown> {
    try {
      const response = await outbound.fetch("access", url);
      if (response.ok) return await response.json();
      await response.body?.cancel();
      throw new Error(`it answered ${response.status}`);
    } catch (error) {
      log.warn("access.keys-not-fetched", { host: new URL(url).host, reason: String(error) });
      throw error;
    }
  }

  const verifier = createAccessVerifier({ team: access.team, fetchKeys, now });

  return {
    async judge(context, path, authorization) {
      const policy = findPolicy(access.policies, context.client.host, path);
      // The edge asks for itself where no visitor can: it lets none sign under its own address.
      const isOwn = context.client.address === EDGE_ITSELF || isTicket(authorization, members);
      if (policy === undefined || isOwn) return undefined;
      const verdict = await verifier.verify(context.accessJwt, policy, context.edgeTime ?? now());
      if (typeof verdict === "string") return verdict;
      context.access = verdict;
      return undefined;
    },
  };
}

/** The command line never passes the edge, where Access would be; that it could write into the data folder is its proof. */
function isTicket(authorization: string | null, members: Pick<Members, "ticketValid">): boolean {
  const token = /^Bearer (btt_[\w-]+)$/.exec(authorization ?? "")?.[1];
  return token !== undefined && members.ticketValid(token);
}

/** The dispatch behind the gate; without a gate it is the dispatch itself. */
export function guardByAccess(dispatch: Dispatch, gate: AccessGate | undefined): Dispatch {
  if (gate === undefined) return dispatch;
  return async function dispatchBehindAccess(request, env) {
    const path = rawPathOf(env.incoming.url ?? "");
    const fault = await gate.judge(env.context, path, request.headers.get("authorization"));
    if (fault === undefined) return await dispatch(request, env);
    return complaintResponse(accessRefusal(fault), path, request.headers.get("accept"));
  };
}

function rawPathOf(target: string): string {
  const mark = target.indexOf("?");
  return mark === -1 ? target : target.slice(0, mark);
}
