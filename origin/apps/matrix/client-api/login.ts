import type { DeviceRequest, Member } from "../../../members/members.ts";
import type { JsonObject } from "../events/event.ts";
import type { FollowMembers } from "../follow-members.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { forbidden, MatrixError } from "../matrix-error.ts";
import { type Answer, type Call, lockedOut, type Route } from "../route.ts";
import { type LoginTokens, openSession, readDevice, readName } from "../sign-in.ts";
import { requireString } from "./read-body.ts";
import { discovery } from "./wellknown.ts";

interface Attempt {
  readonly device: DeviceRequest;
  readonly member: Member | undefined;
}

/**
 * The ways to sign in: the password, or a token from a device that is signed in. What is a stage of registration
 * (m.login.registration_token) never signs anybody in.
 */
const byPassword = "m.login.password";
const byToken = "m.login.token";

export function loginRoutes(matrix: MatrixContext, following: FollowMembers, tokens: LoginTokens): Route[] {
  const { members, config } = matrix;

  async function passwordLogin(call: Call, body: JsonObject): Promise<Attempt> {
    const name = readName(body, config.serverName);
    const password = requireString(body, "password");
    const device = readDevice(call, body);
    // Unknown, deactivated and of another server: the same work and the same answer as a wrong password.
    return { device, member: await members.verifyPassword(name, password) };
  }

  function tokenLogin(call: Call, body: JsonObject): Attempt {
    const token = requireString(body, "token");
    const device = readDevice(call, body);
    const issued = tokens.take(token);
    const member = issued && members.get(issued.memberId);
    // It ends with the device that asked for it: whoever signs that one out means all that it has begun.
    const holds =
      member?.state !== "deactivated" &&
      members.devices(issued?.memberId ?? 0).some(({ deviceId }) => deviceId === issued?.deviceId);
    return { device, member: holds ? member : undefined };
  }

  async function login(call: Call): Promise<Answer> {
    const body = await call.json();
    const type = requireString(body, "type");
    if (type !== byPassword && type !== byToken) {
      throw new MatrixError(
        400,
        "M_UNKNOWN",
        `This server signs in by password: type must be ${byPassword}, or ${byToken}.`,
      );
    }
    const { member, device } = type === byToken ? tokenLogin(call, body) : await passwordLogin(call, body);
    call.context.guess = member ? "ok" : "failed";
    if (!member) {
      throw forbidden(
        type === byToken
          ? "This login token is not valid, or no more: ask for another."
          : "The user name or the password is wrong.",
      );
    }
    // §Account suspension lets a suspended member sign in: the new session is as suspended.
    if (member.lockedAt !== null) throw lockedOut();
    return { ...(await openSession(matrix, following, member, device)), well_known: discovery(matrix) };
  }

  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/login",
      access: "public",
      handle: () => ({ flows: [{ type: byPassword }, { type: byToken, get_login_token: true }] }),
    },
    { method: "POST", path: "/_matrix/client/v3/login", access: "public", limit: "login", handle: login },
  ];
}
