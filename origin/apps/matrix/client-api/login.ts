import type { FollowMembers } from "../follow-members.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { forbidden, MatrixError } from "../matrix-error.ts";
import { type Answer, type Call, lockedOut, type Route } from "../route.ts";
import { openSession, readDevice, readName } from "../sign-in.ts";
import { requireString } from "./read-body.ts";
import { discovery } from "./wellknown.ts";

/** The only way to sign in. What is a stage of registration (m.login.registration_token) never signs anybody in. */
const loginType = "m.login.password";

export function loginRoutes(matrix: MatrixContext, following: FollowMembers): Route[] {
  const { members, config } = matrix;

  async function login(call: Call): Promise<Answer> {
    const body = await call.json();
    if (requireString(body, "type") !== loginType) {
      throw new MatrixError(
        400,
        "M_UNKNOWN",
        `This server signs in by password only: type must be ${loginType}.`,
      );
    }
    const name = readName(body, config.serverName);
    const password = requireString(body, "password");
    const device = readDevice(call, body);
    // Unknown, deactivated and of another server: the same work and the same answer as a wrong password.
    const member = await members.verifyPassword(name, password);
    call.context.guess = member ? "ok" : "failed";
    if (!member) throw forbidden("The user name or the password is wrong.");
    // §Account suspension lets a suspended member sign in: the new session is as suspended.
    if (member.lockedAt !== null) throw lockedOut();
    return { ...(await openSession(matrix, following, member, device)), well_known: discovery(matrix) };
  }

  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/login",
      access: "public",
      handle: () => ({ flows: [{ type: loginType }] }),
    },
    { method: "POST", path: "/_matrix/client/v3/login", access: "public", limit: "login", handle: login },
  ];
}
