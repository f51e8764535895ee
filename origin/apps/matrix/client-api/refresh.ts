import { tryToken } from "../../../gate/guess-limits/try-token.ts";
import { MembersError, type OpenedSession } from "../../../members/members.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { MatrixError } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { requireString } from "./read-body.ts";

export function refreshRoutes(matrix: MatrixContext): Route[] {
  async function refresh(call: Call): Promise<Answer> {
    const refreshToken = requireString(await call.json(), "refresh_token");
    const opened = await exchange(call, refreshToken);
    return {
      access_token: opened.accessToken,
      refresh_token: opened.refreshToken,
      expires_in_ms: opened.expiresInMs,
    };
  }

  async function exchange(call: Call, refreshToken: string): Promise<OpenedSession> {
    try {
      const attempt = {
        kind: "refresh-token",
        credential: refreshToken,
        refusal: "refresh-invalid",
      } as const;
      return await tryToken(matrix.guesses, call.context, attempt, () =>
        matrix.members.refresh(refreshToken),
      );
    } catch (error) {
      if (!(error instanceof MembersError && error.code === "refresh-invalid")) throw error;
      // Not soft: there is nothing left to come back to, the device is gone.
      throw new MatrixError(401, "M_UNKNOWN_TOKEN", error.message, { soft_logout: false });
    }
  }

  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/refresh",
      access: "public",
      limit: "writes",
      handle: refresh,
    },
  ];
}
