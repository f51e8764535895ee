import type { Context } from "hono";
import { html } from "hono/html";
import { readDeviceCookie } from "../../../shared/device-cookie.ts";
import { isFresh } from "../../gate/full-session.ts";
import { nextPath } from "../../gate/next-path.ts";
import { complaintResponse, complaints } from "../../http/errors.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { originOf } from "../../http/same-origin.ts";
import type { Page } from "../../pages/layout.ts";
import { passwordInput } from "../../pages/password-input.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { parseAnswer } from "./factors/mount-factors.ts";
import { passkeyForm } from "./factors/second-step-page.ts";
import { checkPassword } from "./check-password.ts";
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

/** The password again, or a passkey, before what matters: a browser left open must not be enough for it. */
export function mountConfirm(id: IdContext, routes: MemberRoutes, script: string): void {
  const { members, guesses } = id;

  async function confirmed(who: SignedIn, next: string): Promise<Response> {
    await members.webSessions.confirm(who.memberId, who.sessionId);
    return redirectTo(next);
  }

  routes.page(
    path,
    (c, who) => confirmPage(who, nextPath(c.req.query("next"))),
    async (c, who, fields) => {
      const next = nextPath(fields.get("next"));
      const right = await checkPassword(id, c, who.name, fields.get("password") ?? "");
      return right ? confirmed(who, next) : confirmPage(who, next, "That is not your password.");
    },
  );

  routes.act(`${path}/passkey/options`, (_c, who) =>
    Response.json(members.passkeys.beginAuthentication(who.memberId), {
      headers: { "cache-control": "no-store" },
    }),
  );
  routes.act(`${path}/passkey`, async (c, { memberId, ...who }, fields) => {
    const next = nextPath(fields.get("next"));
    const answer = parseAnswer(fields.get("answer") ?? "");
    const deviceCookie = readDeviceCookie(c.req.header("cookie"));
    const right = await guesses.attempt(c.env.context, { kind: "passkey", deviceCookie }, () =>
      members.passkeys.authenticate({ answer, origin: originOf(c.env.context.client), memberId }),
    );
    if (right) return confirmed({ ...who, memberId }, next);
    return confirmPage({ ...who, memberId }, next, undefined, "This passkey did not confirm it is you.");
  });

  function confirmPage(who: SignedIn, next: string, wrong?: string, wrongPasskey?: string): Page {
    const failed = wrong !== undefined || wrongPasskey !== undefined;
    return {
      title: failed ? "Error: Confirm that it is you" : "Confirm that it is you",
      status: failed ? 403 : 200,
      scripts: [script],
      body: html`<div class="card">
<h1>Confirm that it is you</h1>
<p>You are signed in as <strong>${who.name}</strong>. What comes next matters, so show once more that it is you.</p>
${members.secondFactors(who.memberId).passkeys > 0 ? passkeyForm(`${path}/passkey`, "Use a passkey", wrongPasskey, next) : ""}
<form method="post" action="${path}">
<div class="alert" role="alert" id="problem"${wrong === undefined ? html` hidden` : ""}>${wrong ?? ""}</div>
<input type="hidden" name="next" value="${next}">
<input type="hidden" name="username" value="${who.name}" autocomplete="username">
<div class="field">
<label for="password">Password</label>
${passwordInput(
  "password",
  html`autocomplete="current-password"${wrong === undefined ? "" : html` aria-describedby="problem" aria-invalid="true"`} autofocus`,
)}
</div>
<button type="submit">Continue</button>
</form>
</div>`,
    };
  }
}
