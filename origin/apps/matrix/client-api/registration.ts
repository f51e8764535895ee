import { randomBytes } from "node:crypto";
import { tryToken } from "../../../gate/guess-limits/try-token.ts";
import { type Member, MembersError } from "../../../members/members.ts";
import { parseName } from "../../../members/names.ts";
import type { JsonObject } from "../events/event.ts";
import type { FollowMembers } from "../../../members/follow-changes.ts";
import { type MatrixContext, userIdOf } from "../matrix-context.ts";
import { MatrixError, missingParam } from "../matrix-error.ts";
import { type Answer, bearerToken, type Call, type Route } from "../route.ts";
import { openSession, readDevice } from "../sign-in.ts";
import type { Uia, UiaStage } from "../uia.ts";
import { optionalBoolean, optionalString, requireString } from "./read-body.ts";

/**
 * Registration by invite token; on a test server for the asking. The specification wants M_USER_IN_USE before authentication; here it comes only
 * to whoever shows a good token, so that without one nobody learns which names exist (M3). What a name must look
 * like is no secret, and is told at once.
 */
export function registrationRoutes(matrix: MatrixContext, uia: Uia, following: FollowMembers): Route[] {
  const stage = stageOf(matrix);

  async function register(call: Call): Promise<Answer> {
    if ((call.query.get("kind") ?? "user") !== "user") {
      throw new MatrixError(403, "M_GUEST_ACCESS_FORBIDDEN", "There are no guest accounts here.");
    }
    const body = await call.json();
    const username = optionalString(body, "username");
    const password = optionalString(body, "password");
    const device = readDevice(call, body);
    const inhibitLogin = optionalBoolean(body, "inhibit_login") ?? false;
    const name = username === undefined ? undefined : checkForm(username);

    let member: Member | undefined;
    const challenge = await uia(call, body, {
      type: stage.type,
      userId: "",
      async attempt(auth) {
        if (password === undefined) throw missingParam("password is missing.");
        try {
          member = await stage.register(call, auth, { name: name ?? makeName(), password });
          return undefined;
        } catch (error) {
          if (!(error instanceof MembersError)) throw error;
          if (error.code === "invite-invalid") return { errcode: "M_FORBIDDEN", error: error.message };
          throw asMatrixError(error);
        }
      },
    });
    if (challenge) return challenge;
    if (!member) throw new Error("Registration passed without an account.");
    if (inhibitLogin) return { user_id: userIdOf(matrix, member.name) };
    return openSession(matrix, following, member, device);
  }

  function available(call: Call): Answer {
    const name = checkForm(call.query.get("username") ?? "");
    // Whether it is taken is for members only; anyone else hears of it with a token in hand (M3).
    if (!isMember(matrix, call) && !matrix.config.testing) return { available: true };
    try {
      matrix.members.checkName(name);
      return { available: true };
    } catch (error) {
      throw error instanceof MembersError ? asMatrixError(error) : error;
    }
  }

  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/register",
      access: "public",
      limit: "registration",
      handle: register,
    },
    { method: "GET", path: "/_matrix/client/v3/register/available", access: "public", handle: available },
  ];
}

/** What lets somebody in, and the account that it makes. */
interface RegistrationStage {
  readonly type: UiaStage["type"];
  register(call: Call, auth: JsonObject, wished: { name: string; password: string }): Promise<Member>;
}

function stageOf({ members, guesses }: MatrixContext): RegistrationStage {
  if (members.registerOpenly) {
    const { registerOpenly } = members;
    return {
      type: "m.login.dummy",
      register: (_call, _auth, wished) => registerOpenly({ ...wished, role: "member" }),
    };
  }
  return {
    type: "m.login.registration_token",
    // The token is taken in the same transaction that makes the account: never one without the other.
    register(call, auth, wished) {
      const inviteToken = requireString(auth, "token");
      const attempt = { kind: "invite-token", credential: inviteToken, refusal: "invite-invalid" } as const;
      return tryToken(guesses, call.context, attempt, () => members.register({ ...wished, inviteToken }));
    },
  };
}

/** Of the public operations that tell members more. */
export function isMember(matrix: MatrixContext, call: Call): boolean {
  const token = bearerToken(call.request);
  return token !== undefined && matrix.members.authenticate(token).kind === "ok";
}

/** Looks at the form only, not at who is there. */
function checkForm(username: string): string {
  try {
    return parseName(username);
  } catch (error) {
    throw error instanceof MembersError ? asMatrixError(error) : error;
  }
}

export function asMatrixError(error: MembersError): MembersError | MatrixError {
  switch (error.code) {
    case "name-invalid":
      return new MatrixError(400, "M_INVALID_USERNAME", error.message);
    case "name-taken":
      return new MatrixError(400, "M_USER_IN_USE", error.message);
    case "password-weak":
      return new MatrixError(400, "M_WEAK_PASSWORD", error.message);
    default:
      return error;
  }
}

/** For a client that leaves the choice to the server. */
const makeName = (): string => `u${randomBytes(6).toString("hex")}`;
