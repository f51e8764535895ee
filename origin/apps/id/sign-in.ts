import type { Context } from "hono";
import { html } from "hono/html";
import { memberByAccess } from "../../gate/access/sign-in-by-access.ts";
import { accountOf } from "../../gate/keys/key-credentials.ts";
import { nextPath } from "../../gate/next-path.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { type Member, MembersError } from "../../members/members.ts";
import { answerForm, busyFor, refuseOtherMethods } from "../../pages/answer-form.ts";
import { statusOf } from "../../pages/form-post.ts";
import type { Markup, Page } from "../../pages/layout.ts";
import { passwordInput } from "../../pages/password-input.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { checkPassword } from "./check-password.ts";
import { passkeyForm } from "./factors/second-step-page.ts";
import { finishSignIn } from "./finish-sign-in.ts";
import { formTargets } from "./form-targets.ts";
import { type IdContext, whoIsSignedIn } from "./id-context.ts";
import type { PendingSignIns } from "./pending-sign-ins.ts";

interface Problem {
  readonly message: string;
  readonly status: Page["status"];
  readonly busy?: boolean;
}

const wrong: Problem = {
  message: "That name and that password do not go together. Check both and try again.",
  status: 403,
};

const path = "/sign-in";

/**
 * Signing in: by name and password, or by the word of Cloudflare Access where the owner has mapped it to a member; then
 * by the second step of whoever has one.
 */
export function mountSignIn(id: IdContext, pending: PendingSignIns, script: string): void {
  const { routes, layout, config, members } = id;

  routes.get(path, async (c) => {
    const next = nextPath(c.req.query("next"));
    if (await whoIsSignedIn(id, c)) return redirectTo(next);
    return layout(c, members.claimed() ? formPage(c, { name: "", next }) : notClaimed);
  });

  routes.post(path, (c) =>
    answerForm(c, layout, async (fields) => {
      const name = fields.get("name") ?? "";
      const next = nextPath(fields.get("next"));
      try {
        const account = accountOf(name, config.serverName);
        const member = await checkPassword(id, c, account, fields.get("password") ?? "");
        return member ? await goOn(c, member, next) : formPage(c, { name, next }, wrong);
      } catch (error) {
        if (!(error instanceof MembersError)) throw error;
        const { code, message } = error;
        return formPage(c, { name, next }, { message, status: statusOf[code], busy: code === "busy" });
      }
    }),
  );
  refuseOtherMethods(routes, layout, path, "GET, HEAD, POST");

  routes.post(`${path}/access`, (c) =>
    answerForm(c, layout, async (fields) => {
      const next = nextPath(fields.get("next"));
      const member = memberByAccess(c.env.context, id);
      return member ? goOn(c, member, next) : redirectTo(`${path}?next=${encodeURIComponent(next)}`);
    }),
  );
  refuseOtherMethods(routes, layout, `${path}/access`, "POST");

  /** After the first step. Who is locked is told so before a second one. */
  async function goOn(c: Context<HttpEnv>, member: Member, next: string): Promise<Response> {
    const isNext = member.lockedAt === null && members.secondFactors(member.id).required;
    return isNext ? pending.begin(member, next) : finishSignIn(id, c, member, next);
  }

  function formPage(c: Context<HttpEnv>, typed: { name: string; next: string }, problem?: Problem): Page {
    const byAccess = memberByAccess(c.env.context, id);
    return {
      title: problem ? "Error: Sign in" : "Sign in",
      status: problem?.status ?? 200,
      scripts: [script],
      formTargets: formTargets(c, config.hosts, typed.next),
      ...(problem?.busy === true && { headers: busyFor }),
      body: html`<div class="card">
<h1>Sign in</h1>
<p>To <strong>${config.serverName}</strong>, with your account here.</p>
${byAccess ? accessForm(byAccess, typed.next) : ""}
${passwordForm(typed, problem)}
${passkeyForm(`${path}/passkey`, "Sign in with a passkey", undefined, typed.next)}
<p class="aside">No account yet? It takes an invite from the owner of this server.</p>
</div>`,
    };
  }
}

function passwordForm(typed: { name: string; next: string }, problem: Problem | undefined): Markup {
  const marks = problem && html` aria-describedby="problem" aria-invalid="true" autofocus`;
  return html`<form method="post" action="${path}">
<div class="alert" role="alert" id="problem"${problem ? "" : html` hidden`}>${problem?.message ?? ""}</div>
<input type="hidden" name="next" value="${typed.next}">
<div class="field">
<label for="name">Name</label>
<input id="name" name="name" value="${typed.name}" required maxlength="255" autocomplete="username"
 autocapitalize="none" autocorrect="off" spellcheck="false"${problem ? "" : html` autofocus`}>
</div>
<div class="field">
<label for="password">Password</label>
${passwordInput("password", html`autocomplete="current-password"${marks ?? ""}`)}
</div>
<button type="submit">Sign in</button>
</form>`;
}

function accessForm(member: Member, next: string): Markup {
  return html`<form method="post" action="${path}/access">
<input type="hidden" name="next" value="${next}">
<button type="submit">Continue as ${member.name}</button>
</form>
<p class="or">or as somebody else</p>`;
}

const notClaimed: Page = {
  title: "Not ready yet",
  body: html`<div class="card"><h1>Not ready yet</h1><p>This server has no owner yet, so nobody has an account.</p></div>`,
};
