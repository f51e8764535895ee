import type { Context } from "hono";
import { readDeviceCookie } from "../../../shared/device-cookie.ts";
import { isFresh } from "../../gate/full-session.ts";
import { nextPath } from "../../gate/next-path.ts";
import { complaintResponse, complaints } from "../../http/errors.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { originOf } from "../../http/same-origin.ts";
import type { Page } from "../../pages/layout.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { parseAnswer } from "./factors/mount-factors.ts";
import { checkPassword } from "./check-password.ts";
import { confirmPage, type ConfirmProblem } from "./confirm-page.ts";
import { type IdContext, type SignedIn, whoIsSignedIn } from "./id-context.ts";
import type { MemberRoutes } from "./member-routes.ts";

const path = "/confirm";

/**
 * Whoever has signed in, or confirmed it, within the last ten minutes; otherwise the Response that asks for it and
 * comes back to `next`. A script is told so instead.
 */
export async function requireFresh(
  id: IdContext,
  c: Context<HttpEnv>,
  next: string,
): Promise<SignedIn | Response> {
  const who = await whoIsSignedIn(id, c);
  if (who && isFresh(who, id.now())) return who;
  const accept = c.req.header("accept") ?? "";
  if (accept.includes("application/json")) {
    return complaintResponse(complaints.notFresh, c.req.path, "application/json");
  }
  return redirectTo(`${who ? path : "/sign-in"}?next=${encodeURIComponent(next)}`);
}

/**
 * Again what a sign-in takes, before what matters: the password, with a code beside it of whoever has a second factor,
 * or a passkey, which is both. A browser left open must not be enough, nor a browser left open and the password.
 */
export function mountConfirm(id: IdContext, routes: MemberRoutes, script: string): void {
  const { members, guesses } = id;

  async function confirmed(who: SignedIn, next: string): Promise<Response> {
    await members.webSessions.confirm(who.memberId, who.sessionId);
    return redirectTo(next);
  }

  function page(who: SignedIn, next: string, problem?: ConfirmProblem): Page {
    const held = members.secondFactors(who.memberId);
    return confirmPage({ name: who.name, held, next, script, problem });
  }

  /** Which of the two was wrong is told to nobody. A code is used up beside a right password only. */
  async function isRight(c: Context<HttpEnv>, who: SignedIn, fields: URLSearchParams): Promise<boolean> {
    if (!(await checkPassword(id, c, who.name, fields.get("password") ?? ""))) return false;
    if (!members.secondFactors(who.memberId).required) return true;
    const code = fields.get("code") ?? "";
    const deviceCookie = readDeviceCookie(c.req.header("cookie"));
    const attempt = { kind: "second-factor", account: who.name, credential: code, deviceCookie } as const;
    const found = await guesses.attempt(c.env.context, attempt, async () =>
      (await members.totp.verify(who.memberId, code)) || (await members.recoveryCodes.use(who.memberId, code))
        ? true
        : undefined,
    );
    return found === true;
  }

  routes.page(
    path,
    (c, who) => page(who, nextPath(c.req.query("next"))),
    async (c, who, fields) => {
      const next = nextPath(fields.get("next"));
      return (await isRight(c, who, fields)) ? confirmed(who, next) : page(who, next, "secret");
    },
  );

  routes.act(`${path}/passkey/options`, (_c, who) =>
    Response.json(members.passkeys.beginAuthentication(who.memberId), {
      headers: { "cache-control": "no-store" },
    }),
  );
  routes.act(`${path}/passkey`, async (c, who, fields) => {
    const next = nextPath(fields.get("next"));
    const answer = parseAnswer(fields.get("answer") ?? "");
    const deviceCookie = readDeviceCookie(c.req.header("cookie"));
    const { memberId } = who;
    const right = await guesses.attempt(c.env.context, { kind: "passkey", deviceCookie }, () =>
      members.passkeys.authenticate({ answer, origin: originOf(c.env.context.client), memberId }),
    );
    return right ? confirmed(who, next) : page(who, next, "passkey");
  });
}
