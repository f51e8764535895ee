import { EDGE_ITSELF } from "../shared/edge-client.ts";
import type { Edge } from "./edge.ts";
import type { Env } from "./env.ts";
import { askOrigin, discard, OriginAwayError } from "./gate/ask-origin.ts";

const ANSWER_WITHIN_MS = 10_000;

/** Asks the origin how it is: `well`, or one word for what is wrong. What its reply says beside that is learnt. */
export async function askHealth(edge: Edge, env: Env): Promise<string> {
  try {
    const health = await ask(edge, env);
    // The first ask may be stale by the clock that it teaches.
    return health === "stale" ? await ask(edge, env) : health;
  } catch (error) {
    if (error instanceof OriginAwayError) return "away";
    throw error;
  }
}

async function ask(edge: Edge, env: Env): Promise<string> {
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
}
