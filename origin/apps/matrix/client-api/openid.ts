import type { MatrixContext } from "../matrix-context.ts";
import { MatrixError, missingParam } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { createShortLivedSecrets } from "../../../gate/short-lived-secrets.ts";
import { maySpeak } from "../users/local-member.ts";
import { ownUser } from "./own-data.ts";

/** ms: an hour, as the servers give that the checkers are used to. */
const lifetime = 60 * 60 * 1000;

/**
 * A token by which a service (a widget, the one that opens a call) can learn who its user is. The place to check it is
 * the specification's only one, below /_matrix/federation: it stays closed with the rest (M1) until the owner opens
 * just this path by `matrix.openid_userinfo`, and then the server's name leads to it.
 */
export function openidRoutes(matrix: MatrixContext): Route[] {
  const { config, members, now } = matrix;
  const tokens = createShortLivedSecrets<{ memberId: number; deviceId: string; userId: string }>(now);

  function request(call: Call): Answer {
    const userId = ownUser(call);
    const { memberId, deviceId } = call.requester;
    return {
      access_token: tokens.issue({ memberId, deviceId, userId }, lifetime),
      token_type: "Bearer",
      matrix_server_name: config.serverName,
      expires_in: lifetime / 1000,
    };
  }

  function userinfo(call: Call): Answer {
    const token = call.query.get("access_token");
    if (!token) throw missingParam("access_token is missing.");
    const found = tokens.find(token);
    const member = found && members.get(found.memberId);
    const signedIn =
      found !== undefined &&
      member !== undefined &&
      // Whoever asks takes it for leave to speak as the member.
      maySpeak(member) &&
      members.devices(member.id).some(({ deviceId }) => deviceId === found.deviceId);
    if (!signedIn) throw new MatrixError(401, "M_UNKNOWN_TOKEN", "This token is not valid, or no more.");
    return { sub: found.userId };
  }

  const { host } = new URL(config.publicUrl);
  const routes: Route[] = [
    {
      method: "POST",
      path: "/_matrix/client/v3/user/:userId/openid/request_token",
      access: "member",
      limit: "writes",
      handle: async (call) => {
        await call.json({ mayBeEmpty: true });
        return request(call);
      },
    },
  ];
  if (config.matrix.openidUserinfo === "closed") return routes;
  return [
    ...routes,
    {
      method: "GET",
      path: "/_matrix/federation/v1/openid/userinfo",
      access: "public",
      handle: userinfo,
    },
    {
      // Without it a checker would look for the server at port 8448.
      method: "GET",
      path: "/.well-known/matrix/server",
      access: "public",
      handle: () => ({ "m.server": host.includes(":") ? host : `${host}:443` }),
    },
  ];
}
