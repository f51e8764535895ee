import { EDGE_ITSELF } from "../../../shared/edge-client.ts";
import { BLOCKED } from "../../../shared/probe-report.ts";
import type { Dispatch } from "../../http/dispatch.ts";
import { complaintResponse } from "../../http/errors.ts";
import type { GuessLimits } from "../guess-limits/guess-limits.ts";
import type { Honeypot } from "./honeypot.ts";

/** The dispatch for whom the honeypot lets in; without one it is the dispatch itself. */
export function guardByHoneypot(dispatch: Dispatch, honeypot: Honeypot | undefined): Dispatch {
  if (honeypot === undefined) return dispatch;
  return async function dispatchUnblocked(request, env) {
    const { context, incoming } = env;
    const path = (incoming.url ?? "").split("?", 1)[0] ?? "";
    if (context.client.address === EDGE_ITSELF) return await dispatch(request, env);
    // The edge refuses them too, a few seconds after a block.
    if (honeypot.refuses(context.client.address))
      return complaintResponse(BLOCKED, path, request.headers.get("accept"));
    const answer = await dispatch(request, env);
    honeypot.noteAnswer(context, path, answer.status);
    return answer;
  };
}

/** The limits, with an eye on what is tried: a decoy's password is nobody's, so that whoever tries one has read it there. */
export function watchGuesses<Limits extends GuessLimits>(
  limits: Limits,
  watch: { honeypot: Honeypot; hasCanary: (text: string) => boolean },
): Limits {
  return {
    ...limits,
    attempt(context, attempt, work) {
      if (attempt.credential !== undefined && watch.hasCanary(attempt.credential))
        void watch.honeypot.takeReplay(context, `tried as ${attempt.kind}`).catch(() => undefined);
      return limits.attempt(context, attempt, work);
    },
  };
}
