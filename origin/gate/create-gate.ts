import { complaintResponse, complaints } from "../http/errors.ts";
import type { Members } from "../members/members.ts";
import type { Gate } from "./gate.ts";
import type { GuessLimits } from "./guess-limits/guess-limits.ts";
import { createIdentifyByKey } from "./keys/identify-by-key.ts";

/** Nobody can sign in with a browser yet: who asks is known by a key, or not at all. */
export function createGate(options: {
  readonly members: Members;
  readonly guesses: GuessLimits;
  readonly serverName: string;
}): Gate {
  const identifyByKey = createIdentifyByKey(options);
  return {
    async identify(context, request, ways = {}) {
      const authorization = request.headers.get("authorization");
      if (authorization === null) return undefined;
      const identity = await identifyByKey(context, authorization, ways);
      if (identity) context.identity = identity;
      return identity;
    },
    requireSession: (_context, request) =>
      Promise.resolve(
        complaintResponse(
          complaints.unauthenticated,
          new URL(request.url).pathname,
          request.headers.get("accept"),
        ),
      ),
  };
}
