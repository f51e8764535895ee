import type { Bindings } from "./env.ts";
import { requireAccess } from "./gate/access.ts";
import { capBody } from "./gate/body-cap.ts";
import { dressReply } from "./gate/dress-reply.ts";
import { fetchForOrigin } from "./gate/fetch-for-origin.ts";
import { declareLost } from "./gate/declare-lost.ts";
import { forward } from "./gate/forward.ts";
import { capHead } from "./gate/head-cap.ts";
import { answerHealthAuth } from "./gate/health-auth.ts";
import { requireKnownHost } from "./gate/known-host.ts";
import { throttleLogin } from "./gate/login-throttle.ts";
import { clampLongPoll } from "./gate/long-poll.ts";
import { requirePlainTarget } from "./gate/method-and-path.ts";
import { requireOpen } from "./gate/panic.ts";
import { answerFailure, answerUnreadable } from "./gate/refusal.ts";
import { underScanner } from "./gate/scanner.ts";
import { stripHeaders } from "./gate/strip.ts";
import { takeHeartbeat } from "./gate/take-heartbeat.ts";
import { openEdge } from "./edge.ts";
import { returnMail } from "./mail/return-mail.ts";
import { takeMail } from "./mail/take-mail.ts";
import { reachOrigin } from "./reach.ts";
import { receive } from "./visit.ts";
import { spreadPanic } from "./panic-in-force.ts";
import type { Visit } from "./visit.ts";
import { watchOrigin } from "./watch/watch-origin.ts";

export default {
  async fetch(request, bindings, ctx): Promise<Response> {
    try {
      const env = reachOrigin(bindings);
      const visit = receive(request, env, ctx, await openEdge(env));
      if (visit === undefined) return answerUnreadable();
      return dressReply(visit, await answer(visit));
    } catch (error) {
      console.error(JSON.stringify({ alert: "edge-fault", error: String(error) }));
      return answerUnreadable(503);
    }
  },

  async email(message, bindings, ctx): Promise<void> {
    const env = reachOrigin(bindings);
    await takeMail(message, { edge: await openEdge(env), env, ctx });
  },

  async scheduled({ scheduledTime }, bindings): Promise<void> {
    const env = reachOrigin(bindings);
    const edge = await openEdge(env);
    // Where one fails, the other has its turn all the same.
    const done = await Promise.allSettled([watchOrigin(edge, env, scheduledTime), returnMail(edge, env)]);
    for (const each of done) if (each.status === "rejected") throw each.reason;
  },
} satisfies ExportedHandler<Bindings>;

/** A visit meets the gates in this order; the first that answers ends it. */
async function answer(visit: Visit): Promise<Response> {
  return (
    requireKnownHost(visit) ??
    (await declareLost(visit)) ??
    (await requireOpen(visit)) ??
    (await underScanner(visit, () => passGates(visit)))
  );
}

async function passGates(visit: Visit): Promise<Response> {
  const refusal = requirePlainTarget(visit) ?? capBody(visit);
  const order = refusal ?? (await fetchForOrigin(visit)) ?? (await takeHeartbeat(visit));
  const early = order ?? (await throttleLogin(visit)) ?? (await requireAccess(visit));
  if (early !== undefined) return early;

  stripHeaders(visit);
  clampLongPoll(visit);
  const outcome = capHead(visit) ?? (await forward(visit));
  visit.ctx.waitUntil(spreadPanic(visit.edge, visit.env));
  if (outcome instanceof Response) return outcome;
  return (await answerHealthAuth(visit, outcome)) ?? answerFailure(visit, outcome);
}
