import type { MatrixContext } from "../matrix-context.ts";
import type { LoginTokens } from "../sign-in.ts";
import type { Answer, Call, Route } from "../route.ts";
import { passwordStage, type Uia } from "../uia.ts";

/** ms, as the specification recommends: time enough to show a code to another device. */
const lifetime = 2 * 60 * 1000;

/** A member lets another client of theirs in without typing the password there (§Login, get_token). */
export function loginTokenRoutes(matrix: MatrixContext, uia: Uia, tokens: LoginTokens): Route[] {
  async function getToken(call: Call): Promise<Answer> {
    const body = await call.json({ mayBeEmpty: true });
    const challenge = await uia(call, body, passwordStage(matrix, call));
    if (challenge) return challenge;
    const { memberId, deviceId } = call.requester;
    return { login_token: tokens.issue({ memberId, deviceId }, lifetime), expires_in_ms: lifetime };
  }

  return [{ method: "POST", path: "/_matrix/client/v1/login/get_token", access: "member", handle: getToken }];
}
