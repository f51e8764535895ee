import { EDGE_ITSELF } from "../../shared/edge-client.ts";
import { MAIL_RECIPIENT_PATH, MAIL_WAKE_PATH } from "../../shared/mail-policy.ts";
import type { Edge } from "../edge.ts";
import type { Env } from "../env.ts";
import { askOrigin, discard } from "../gate/ask-origin.ts";

/** The sender's server waits meanwhile, and a phone may sleep. */
const ANSWER_WITHIN_MS = 3_000;

/** Whether somebody has the address; undefined where the origin did not say. */
export async function isSomebodys(address: string, edge: Edge, env: Env): Promise<boolean | undefined> {
  const query = new URLSearchParams({ address });
  const answer = await ask("GET", `${MAIL_RECIPIENT_PATH}?${query.toString()}`, edge, env);
  if (answer === undefined) return undefined;
  const { known } = (await answer.json().catch(() => ({}))) as { known?: unknown };
  return typeof known === "boolean" ? known : undefined;
}

/** Tells the origin that something lies in the bucket. Whether it heard is its own concern: it looks by itself, too. */
export async function wakeOrigin(edge: Edge, env: Env): Promise<void> {
  const answer = await ask("POST", MAIL_WAKE_PATH, edge, env);
  if (answer !== undefined) await discard(answer);
}

/** The answer of the origin, proved and 2xx; undefined for any other, and for none. */
async function ask(method: string, target: string, edge: Edge, env: Env): Promise<Response | undefined> {
  const host = [...edge.hosts].find(([, app]) => app === "mail")?.[0];
  if (host === undefined) return undefined;
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  try {
    // The first ask may be stale by the clock that its answer teaches.
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const reply = await askOrigin(
        {
          method,
          url: new URL(`http://${host}${target}`),
          headers: new Headers(),
          body: null,
          signal,
          visitor: { host, scheme: "https", addr: EDGE_ITSELF },
          accessJwt: undefined,
        },
        edge,
        env,
      );
      if (reply === undefined) return undefined;
      if (reply.facts.proof === "accepted" && reply.response.ok) return reply.response;
      await discard(reply.response);
      if (reply.facts.proof !== "stale") return undefined;
    }
  } catch {
    // Nothing answers: the message is kept, and nobody is told.
  }
  return undefined;
}
