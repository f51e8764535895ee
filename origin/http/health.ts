import type { AcceptedProof, EdgeProof } from "./edge-proof.ts";

/** The body of the two health answers, the same on every host; undefined for any other path. */
export function answerHealth(path: string, proof: EdgeProof, verdict: AcceptedProof): object | undefined {
  if (path === "/health") return { status: "ok" };
  if (path !== "/health/auth") return undefined;
  const { clockSkewSeconds, recentFailures, lastFailureAt } = proof.diagnosis();
  // The edge gives this same answer by itself where the proof is not accepted.
  return {
    edge_proof_accepted: true,
    identity_present: verdict.accessJwt !== undefined,
    clock_skew_s: clockSkewSeconds,
    recent_failed_attempts: recentFailures,
    last_failure_at: lastFailureAt,
  };
}
