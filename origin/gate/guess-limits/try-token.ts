import type { RequestContext } from "../../http/request-context.ts";
import { MembersError, type MembersErrorCode } from "../../members/members.ts";
import type { Attempt, GuessLimits } from "./guess-limits.ts";

/**
 * `attempt` for a token that the domain refuses by throwing `refusal`: that one counts as wrong. Any other refusal of the
 * domain comes after the token was found good, or has made it worthless.
 *
 * @throws ThrottledError, and what `work` throws.
 */
export async function tryToken<T>(
  guesses: GuessLimits,
  context: RequestContext,
  attempt: Attempt & { readonly refusal: MembersErrorCode },
  work: () => Promise<T>,
): Promise<T> {
  let refused: MembersError | undefined;
  const done = await guesses.attempt(context, attempt, async () => {
    try {
      return { value: await work() };
    } catch (error) {
      if (!(error instanceof MembersError)) throw error;
      refused = error;
      return error.code === attempt.refusal ? undefined : ("refused otherwise" as const);
    }
  });
  if (typeof done === "object") return done.value;
  throw refused ?? new Error("A try ended neither right nor wrong.");
}
