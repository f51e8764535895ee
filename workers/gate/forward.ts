import type { Visit } from "../visit.ts";
import { askOrigin, discard, OriginAwayError } from "./ask-origin.ts";
import type { ProvedReply } from "./ask-origin.ts";
import { answerTooLarge, takeBody } from "./body-cap.ts";
import { pingWhenIdle } from "./event-stream.ts";
import { tellVerdict } from "./login-throttle.ts";
import type { Failure } from "./refusal.ts";
import { UnknownClientError } from "./sign.ts";
import type { Errand } from "./sign.ts";
import { reportFailedProof } from "./report-failure.ts";

/**
 * Takes the visit to the origin and brings back its answer, streaming both ways, or says why there is none. A stale
 * proof is signed anew and sent once more where no body has gone out with it.
 */
export async function forward(visit: Visit): Promise<Response | Failure> {
  const body = takeBody(visit);
  const errand: Errand = {
    ...visit,
    method: visit.request.method,
    body: body.stream,
    signal: AbortSignal.any([visit.request.signal, body.broken]),
  };
  const ask = (what: Errand): Promise<ProvedReply | undefined> => askOrigin(what, visit.edge, visit.env);
  try {
    // A body can be sent only once, so the clock is learnt before it goes out.
    if (body.stream !== null && visit.edge.clockOffset === undefined) {
      const probe = await ask(clockProbe(errand));
      if (probe === undefined) return fail(visit, "unproved");
    }
    let reply = await ask(errand);
    if (reply?.facts.proof === "stale" && body.stream === null) {
      await discard(reply.response);
      reply = await ask(errand);
    }
    if (reply === undefined) return fail(visit, "unproved");
    if (reply.facts.proof !== "accepted") {
      await discard(reply.response);
      return fail(visit, reply.facts.proof);
    }
    tellVerdict(visit, reply.facts.guess, reply.response);
    return pingWhenIdle(reply.response);
  } catch (error) {
    if (body.exceeded()) return answerTooLarge(visit);
    if (error instanceof OriginAwayError) return "away";
    if (error instanceof UnknownClientError) return "unknown-client";
    throw error;
  }
}

/** Any proved reply tells the origin's clock; this one costs it the least. */
function clockProbe(errand: Errand): Errand {
  return {
    method: "HEAD",
    url: new URL("/health", errand.url),
    headers: new Headers(),
    body: null,
    signal: errand.signal,
    visitor: errand.visitor,
    accessJwt: undefined,
  };
}

function fail(visit: Visit, failure: "unproved" | "stale" | "refused"): Failure {
  const { host, ray } = visit.visitor;
  // What operators are alerted by: somebody else answers in the origin's place, or it does not take our word.
  console.error(JSON.stringify({ alert: `edge-proof-${failure}`, host, ray }));
  reportFailedProof(visit);
  return failure;
}
