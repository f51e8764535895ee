import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { optionalObject, optionalString, requireString } from "./client-api/read-body.ts";
import { canonicalJson } from "./events/canonical-json.ts";
import type { JsonObject } from "./events/event.ts";
import { issuerOf, oauthPaths } from "../../gate/oauth/authorization-server.ts";
import type { ApprovedAct } from "../../members/members.ts";
import type { MatrixContext } from "./matrix-context.ts";
import { forbidden } from "./matrix-error.ts";
import type { Call } from "./route.ts";
import { readName } from "./sign-in.ts";

/** What a client must show before an operation is done. Every flow here is one stage. */
export interface UiaStage {
  readonly type: "m.login.password" | "m.login.registration_token" | "m.login.dummy" | "m.oauth";
  /** What the stage was called before it was in the specification: clients of then know no other name. */
  readonly earlierType?: string;
  /** What a client needs to know for it. */
  readonly params?: JsonObject;
  /** Whose operation it is: the user id, or empty where there is no account yet. */
  readonly userId: string;
  /** Tries what the client shows, through the guess limits. Undefined: passed; otherwise what to tell the person. */
  attempt(auth: JsonObject): Promise<{ readonly errcode: string; readonly error: string } | undefined>;
}

/**
 * User-interactive authentication (specification §User-Interactive Authentication API): undefined when the stage
 * was passed with this very request, otherwise the 401 to answer with.
 */
export interface Uia {
  (call: Call, body: JsonObject, stage: UiaStage): Promise<Response | undefined>;
}

/** Long enough to look a password up, in ms. */
const sessionLifetime = 30 * 60 * 1000;

/**
 * A session is sealed instead of stored: it carries its end and a MAC over the operation that it was opened for
 * (method, path, member, and body without `auth`). As each flow is one stage, whose secret comes with the request
 * that it allows, nothing is ever half-completed, and asking without a secret takes no memory. The key is made
 * anew at each start: a session from before gets a fresh 401.
 */
export function createUia(now: () => number, key: Buffer = randomBytes(32)): Uia {
  function seal(end: string, operation: string): string {
    return `${end}.${createHmac("sha256", key).update(`${end}.${operation}`).digest("base64url")}`;
  }

  function isOpen(session: string, operation: string): boolean {
    const [end = ""] = session.split(".", 1);
    const given = Buffer.from(session);
    const expected = Buffer.from(seal(end, operation));
    return given.length === expected.length && timingSafeEqual(given, expected) && Number(end) > now();
  }

  return async function interact(call, body, stage) {
    const { auth: _auth, ...rest } = body;
    const operation = describe(call, stage.userId, rest);
    const types = [stage.type, ...(stage.earlierType === undefined ? [] : [stage.earlierType])];
    const refuse = (reason: { errcode?: string; error?: string }, session?: string): Response =>
      Response.json(
        {
          ...reason,
          completed: [],
          flows: types.map((each) => ({ stages: [each] })),
          params: stage.params ? Object.fromEntries(types.map((each) => [each, stage.params])) : {},
          session: session ?? seal(String(now() + sessionLifetime), operation),
        },
        { status: 401 },
      );

    const auth = optionalObject(body, "auth");
    const type = auth && optionalString(auth, "type");
    // A session alone asks where it stands, as Cinny does: nowhere yet.
    if (!auth || (type === undefined && stage.type !== "m.oauth")) return refuse({});
    const session = optionalString(auth, "session");
    // Nothing but the session comes back from a page of ours, and only who was told of the page has one.
    if (stage.type === "m.oauth" && session === undefined) return refuse({});
    // Of another operation, or too old. Without one the secret still stands in the request that it is meant for.
    if (session !== undefined && !isOpen(session, operation)) return refuse({});
    if (type !== undefined && !types.includes(type)) {
      return refuse({ errcode: "M_FORBIDDEN", error: `This needs ${stage.type}, nothing else.` }, session);
    }
    const failure = await stage.attempt(auth);
    return failure && refuse(failure, session);
  };
}

/**
 * Whether the password is no way to show that it is the member: clients that were signed in by OAuth must not see it, and
 * of whoever has a second factor it is not enough (G10).
 */
export function needsPage({ members }: MatrixContext, { requester: { memberId, byOAuth } }: Call): boolean {
  return byOAuth || members.secondFactors(memberId).required;
}

/** The signed-in member's own password: for what a stolen access token alone must not do. */
export function passwordStage(matrix: MatrixContext, call: Call): UiaStage {
  const { name, memberId, userId, byOAuth } = call.requester;
  // The operations say so: such a client is to lead its person to the account management page instead.
  if (needsPage(matrix, call)) {
    const page = issuerOf(matrix.config) + oauthPaths.account;
    const why = byOAuth ? "This app has no use for your password" : "Your password alone does not do";
    throw forbidden(`${why}: do it on ${page}.`);
  }
  return {
    type: "m.login.password",
    userId,
    async attempt(auth) {
      const password = requireString(auth, "password");
      const named = Object.hasOwn(auth, "identifier") || Object.hasOwn(auth, "user");
      // Never a way to try other people's passwords.
      if (named && matrix.members.find(readName(auth, matrix.config.serverName))?.id !== memberId) {
        throw forbidden("This takes your own password, not somebody else's.");
      }
      const member = await matrix.guesses.attempt(
        call.context,
        { kind: "password", account: name, credential: password },
        (turn) => matrix.members.verifyPassword(name, password, turn),
      );
      if (member) return undefined;
      return { errcode: "M_FORBIDDEN", error: "The password is wrong." };
    },
  };
}

/** The member's yes on a page of ours, where the password is no way (§OAuth authentication). */
export function oauthStage({ config, members }: MatrixContext, call: Call, act: ApprovedAct): UiaStage {
  const { memberId, userId } = call.requester;
  return {
    type: "m.oauth",
    earlierType: "org.matrix.cross_signing_reset",
    params: { url: issuerOf(config) + oauthPaths.crossSigningReset },
    userId,
    attempt: () =>
      Promise.resolve(
        members.approved(memberId, act)
          ? undefined
          : { errcode: "M_FORBIDDEN", error: "It was not allowed on the account page yet." },
      ),
  };
}

function describe(call: Call, userId: string, body: JsonObject): string {
  return canonicalJson([call.method, new URL(call.request.url).pathname, userId, body]);
}
