import type { Context } from "hono";
import { html } from "hono/html";
import { readDeviceCookie } from "../../../shared/device-cookie.ts";
import { accountOf } from "../../gate/keys/key-credentials.ts";
import { nextPath } from "../../gate/next-path.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { type Member, MembersError } from "../../members/members.ts";
import { answerForm, busyFor, refuseOtherMethods } from "../../pages/answer-form.ts";
import { statusOf } from "../../pages/form-post.ts";
import type { Page } from "../../pages/layout.ts";
import { passwordInput } from "../../pages/password-input.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { finishSignIn } from "./finish-sign-in.ts";
import { formTargets } from "./form-targets.ts";
import { type IdContext, whoIsSignedIn } from "./id-context.ts";
import type { SecondStep } from "./second-step.ts";

interface Problem {
  readonly message: string;
  readonly status: Page["status"];
  readonly busy?: boolean;
}

const wrong: Problem = {
  message: "That name and that password do not go together. Check both and try again.",
  status: 403,
};

/** Signing in: name and password, then the second step of whoever has one. */
export function mountSignIn(id: IdContext, secondStep: SecondStep): void {
  const { routes, layout, config, members } = id;
  const path = "/sign-in";

  routes.get(path, async (c) => {
    const next = nextPath(c.req.query("next"));
    if (await whoIsSignedIn(id, c)) return redirectTo(next);
    return layout(c, members.claimed() ? formPage(c, { name: "", next }) : notClaimed);
  });

  routes.post(path, (c) =>
    answerForm(c, layout, async (fields) => {
      const typed = fields.get("name") ?? "";
      const next = nextPath(fields.get("next"));
      try {
        const member = await checkPassword(
          id,
          c,
          accountOf(typed, config.serverName),
          fields.get("password") ?? "",
        );
        if (!member) return formPage(c, { name: typed, next }, wrong);
        if (member.lockedAt === null && members.secondFactors(member.id).required) {
          return secondStep.begin(member, next);
        }
        return await finishSignIn(id, c, member, next);
      } catch (error) {
        if (!(error instanceof MembersError)) throw error;
        const { code, message } = error;
        return formPage(c, { name: typed, next }, { message, status: statusOf[code], busy: code === "busy" });
      }
    }),
  );
  refuseOtherMethods(routes, layout, path, "GET, HEAD, POST");

  function formPage(c: Context<HttpEnv>, typed: { name: string; next: string }, problem?: Problem): Page {
    return {
      title: problem ? "Error: Sign in" : "Sign in",
      status: problem?.status ?? 200,
      formTargets: formTargets(c, config.hosts, typed.next),
      ...(problem?.busy === true && { headers: busyFor }),
      body: html`<div class="card">
<h1>Sign in</h1>
<p>To <strong>${config.serverName}</strong>, with the name and the password of your account.</p>
<form method="post" action="${path}">
<div class="alert" role="alert" id="problem"${problem ? "" : html` hidden`}>${problem?.message ?? ""}</div>
<input type="hidden" name="next" value="${typed.next}">
<div class="field">
<label for="name">Name</label>
<input id="name" name="name" value="${typed.name}" required maxlength="255" autocomplete="username"
 autocapitalize="none" autocorrect="off" spellcheck="false"${problem ? "" : html` autofocus`}>
</div>
<div class="field">
<label for="password">Password</label>
${passwordInput(
  "password",
  html`autocomplete="current-password"${
    problem ? html` aria-describedby="problem" aria-invalid="true" autofocus` : ""
  }`,
)}
</div>
<button type="submit">Sign in</button>
</form>
<p class="aside">No account yet? It takes an invite, from the owner of this server.</p>
</div>`,
    };
  }
}

const notClaimed: Page = {
  title: "Not ready yet",
  body: html`<div class="card"><h1>Not ready yet</h1><p>This server has no owner yet, so nobody has an account.</p></div>`,
};

/** One try at a password, within the limits. Undefined: wrong, or no such member. Throws ThrottledError, busy. */
export async function checkPassword(
  { members, guesses }: Pick<IdContext, "members" | "guesses">,
  c: Context<HttpEnv>,
  account: string,
  password: string,
): Promise<Member | undefined> {
  const deviceCookie = readDeviceCookie(c.req.raw.headers.get("cookie"));
  return guesses.attempt(
    c.env.context,
    { kind: "password", account, credential: password, deviceCookie },
    (turn) => members.verifyPassword(account, password, turn),
  );
}
