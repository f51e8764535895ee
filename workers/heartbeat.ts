import { EDGE_ITSELF } from "../shared/edge-client.ts";
import type { Edge } from "./edge.ts";
import type { Env } from "./env.ts";
import { askOrigin, discard, OriginAwayError } from "./gate/ask-origin.ts";

/** Asks the origin for its health as the cron trigger has it, and logs an alert line when it is not well. */
export async function checkHeartbeat(edge: Edge, env: Env): Promise<void> {
  const ask = async (): Promise<string> => {
    const host = [...edge.hosts.keys()][0] ?? "";
    const reply = await askOrigin(
      {
        method: "GET",
        url: new URL(`http://${host}/health`),
        headers: new Headers(),
        body: null,
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        visitor: { host, scheme: "https", addr: EDGE_ITSELF },
        accessJwt: undefined,
      },
      edge,
      env,
    );
    if (reply === undefined) return "unproved";
    await discard(reply.response);
    if (reply.facts.proof !== "accepted") return reply.facts.proof;
    return reply.response.ok ? "well" : `status-${reply.response.status}`;
  };
  try {
    let health = await ask();
    // The first ask may be stale by the clock that it teaches.
    if (health === "stale") health = await ask();
    if (health !== "well") console.error(JSON.stringify({ alert: `origin-${health}` }));
  } catch (error) {
    if (!(error instanceof OriginAwayError)) throw error;
    console.error(JSON.stringify({ alert: "origin-away", reason: String(error.cause) }));
  }
}

const ANSWER_WITHIN_MS = 10_000;
