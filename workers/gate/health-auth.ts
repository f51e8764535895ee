import type { Visit } from "../visit.ts";
import type { Failure } from "./refusal.ts";

/**
 * The edge's own answer to `GET /health/auth` where the origin's cannot be had: what an operator needs to tell a wrong
 * key from a wrong clock from a dead origin, and nothing about anybody. Undefined for every other path.
 */
export async function answerHealthAuth(visit: Visit, failure: Failure): Promise<Response | undefined> {
  const { method } = visit.request;
  if (visit.url.pathname !== "/health/auth" || (method !== "GET" && method !== "HEAD")) return undefined;
  const { clockOffset, untold } = visit.edge;
  const told = await readSentinel(visit);
  return Response.json({
    // Where nothing answers, nobody refused it either.
    edge_proof_accepted: failure === "away" ? null : false,
    identity_present: visit.accessJwt !== undefined,
    clock_skew_s: clockOffset === undefined ? null : Math.round(clockOffset / 1000),
    recent_failed_attempts: told === undefined ? null : told.recent + untold.failures,
    last_failure_at: told?.lastAt ?? null,
  });
}

async function readSentinel({ env }: Visit): Promise<{ recent: number; lastAt: number | null } | undefined> {
  try {
    return await env.SENTINEL.getByName("edge").failures();
  } catch {
    return undefined;
  }
}
