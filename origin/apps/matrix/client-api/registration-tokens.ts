import type { MatrixContext } from "../matrix-context.ts";
import { missingParam } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { isMember } from "./registration.ts";

/**
 * Whether an invite token is good. Without an account every token is told to be: a client that asks first goes on
 * to register, where the truth comes out, and counts as a guess (M3).
 */
export function registrationTokensRoutes(matrix: MatrixContext): Route[] {
  async function validity(call: Call): Promise<Answer> {
    const token = call.query.get("token");
    if (token === null) throw missingParam("token is missing.");
    if (!isMember(matrix, call)) return { valid: true };
    const valid = await matrix.guesses.attempt(
      call.context,
      { kind: "invite-token", credential: token },
      () => matrix.members.inviteValid(token) || undefined,
    );
    return { valid: valid ?? false };
  }

  return [
    {
      method: "GET",
      path: "/_matrix/client/v1/register/m.login.registration_token/validity",
      access: "public",
      handle: validity,
    },
  ];
}
