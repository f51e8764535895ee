import type { DeviceRequest, Member } from "../../../members/members.ts";
import { isAppPassword } from "../../../members/keys/key-secret.ts";
import { canonicalName } from "../../../members/names.ts";
import type { JsonObject } from "../events/event.ts";
import type { FollowMembers } from "../../../members/follow-changes.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { forbidden, MatrixError } from "../matrix-error.ts";
import { type Answer, type Call, type Route } from "../route.ts";
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
  const { members, guesses, config } = matrix;

  async function passwordLogin(call: Call, body: JsonObject): Promise<Attempt> {
    const name = readName(body, config.serverName);
    const password = requireString(body, "password");
    const device = readDevice(call, body);
    const account = canonicalName(name);
    const byApp = isAppPassword(password);
    // Unknown, deactivated and of another server: the same work and the same answer as a wrong password.
    const member = await guesses.attempt(
      call.context,
      { kind: byApp ? "app-password" : "password", account, credential: password },
      (turn) => {
        spendSignIn(call);
        return byApp ? holderOfKey(call, account, password) : members.verifyPassword(name, password, turn);
      },
    );
    if (member && !byApp && members.secondFactors(member.id).required) throw secondStepNeeded();
    return { device, member };
  }

  /** Whose app password it is, where it is one for chat and theirs. */
  function holderOfKey(call: Call, account: string, secret: string): Member | undefined {
    const found = members.keys.verify("app-password", secret, call.context.client.address);
    if (!found || found.member.name !== account || !found.key.scopes.includes("matrix")) return undefined;
    return found.member;
  }

  async function tokenLogin(call: Call, body: JsonObject): Promise<Attempt> {
    const token = requireString(body, "token");
    const device = readDevice(call, body);
    const attempt = { kind: "login-token", credential: token } as const;
    const member = await guesses.attempt(call.context, attempt, () => {
      spendSignIn(call);
      return holderOf(token);
    });
    return { device, member };
  }

  function holderOf(token: string): Member | undefined {
    const issued = tokens.take(token);
    // It ends with the device that asked for it: whoever signs that one out means all that it has begun. A
    // deactivated account has no devices.
    const holds =
      issued !== undefined &&
      members.devices(issued.memberId).some(({ deviceId }) => deviceId === issued.deviceId);
    return holds ? members.get(issued.memberId) : undefined;
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
    const { member, device } = await (type === byToken ? tokenLogin : passwordLogin)(call, body);
    if (!member) {
      throw forbidden(
        type === byToken
          ? "This login token is not valid, or no more: ask for another."
          : "The user name or the password is wrong.",
      );
    }
    return { ...(await openSession(matrix, following, member, device)), well_known: discovery(matrix) };
  }

  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/login",
      access: "public",
      handle: () => ({ flows: [{ type: byPassword }, { type: byToken, get_login_token: true }] }),
    },
    { method: "POST", path: "/_matrix/client/v3/login", access: "public", handle: login },
  ];
}

/** This protocol's password has no second step: what a member has set up must not be passed by here. */
const secondStepNeeded = (): MatrixError =>
  forbidden(
    "Your password alone does not sign you in. Make an app password for chat on this server's sign-in page, and use it here.",
  );

/** Only what the guess limits let through counts: a stranger's flood must not use up the sign-ins of who lives there. */
const spendSignIn = (call: Call): void => call.spend("login", 1);
