import { CERTS_MAX_BYTES, certsUrlOf } from "../../shared/access-certs.ts";
import { accessRefusal, createAccessVerifier } from "../../shared/access-jwt.ts";
import type { AccessVerifier } from "../../shared/access-jwt.ts";
import { findPolicy, parseAccessRules } from "../../shared/access-policy.ts";
import type { AccessPolicy } from "../../shared/access-policy.ts";
import { retryAfterOf } from "../../shared/answers.ts";
import type { Visit } from "../visit.ts";
import { refuse } from "./refusal.ts";

/** What a deployment asks of Cloudflare Access. */
export interface EdgeAccess {
  readonly policies: readonly AccessPolicy[];
  readonly verifier: AccessVerifier;
}

const FETCH_WITHIN_MS = 3_000;

/**
 * Reads the variable ACCESS; undefined where no team is configured.
 *
 * @throws AccessRulesError on a text that cannot be read.
 */
export function openAccess(text: string | undefined): EdgeAccess | undefined {
  if (text === undefined || text === "") return undefined;
  const { team, certsUrl = certsUrlOf(team), policies } = parseAccessRules(text);
  return {
    policies,
    verifier: createAccessVerifier({ team, fetchKeys: () => fetchKeys(certsUrl), now: Date.now }),
  };
}

/** Refuses, where a policy asks for Access, whoever Access does not vouch for. */
export async function requireAccess(visit: Visit): Promise<Response | undefined> {
  const { access } = visit.edge;
  if (access === undefined) return undefined;
  const policy = findPolicy(access.policies, visit.url.hostname, visit.url.pathname);
  if (policy === undefined) return undefined;
  const verdict = await access.verifier.verify(visit.accessJwt, policy, Date.now());
  if (typeof verdict !== "string") return undefined;
  const complaint = accessRefusal(verdict);
  return refuse(visit, complaint, retryAfterOf(complaint));
}

async function fetchKeys(url: string): Promise<unknown> {
  const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(FETCH_WITHIN_MS) });
  if (!response.ok || Number(response.headers.get("content-length") ?? 0) > CERTS_MAX_BYTES) {
    await response.body?.cancel();
    throw new Error(`the keys of Access: ${response.status}`);
  }
  return await response.json();
}
