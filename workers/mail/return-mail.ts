import type { Edge } from "../edge.ts";
import type { Env } from "../env.ts";
import { panicInForce } from "../panic-in-force.ts";

/** A run: each takes three operations, and the free plan allows fifty an invocation, of which the watch takes some. */
const MOST_AT_ONCE = 12;

/**
 * Moves what came while the server was lost, or while nobody could tell whether it was, to where the origin fetches it
 * (P1): the oldest first, as soon as it is known that the server is not lost. Cut short at any step it leaves a message
 * in one bucket, or in both under the same name, and is done by the next run.
 */
export async function returnMail(edge: Edge, env: Env): Promise<void> {
  const level = await panicInForce(edge, env);
  if (level === undefined || level === "lost") return;
  const { objects } = await env.MAIL_LOST.list({ prefix: "pending/", limit: MOST_AT_ONCE });
  for (const { key } of objects) {
    const message = await env.MAIL_LOST.get(key);
    if (message === null) continue;
    await env.MAIL.put(key, message.body, { customMetadata: message.customMetadata ?? {} });
    await env.MAIL_LOST.delete(key);
  }
}
