import type { Context } from "hono";
import { html } from "hono/html";
import { tryToken } from "../../gate/guess-limits/try-token.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { type Member, MembersError } from "../../members/members.ts";
import { shortestPassword } from "../../members/password-strength.ts";
import { statusOf } from "../../pages/form-post.ts";
import type { Page } from "../../pages/layout.ts";
import { passwordInput } from "../../pages/password-input.ts";
import type { OidcContext } from "./oidc-context.ts";

interface Typed {
  readonly token: string;
  readonly name: string;
}

/** Signing up from within an app (`prompt=create`), with an invite as everywhere (M2). */
export function signUpPage(
  { config, members }: OidcContext,
  uid: string,
  typed: Typed = { token: "", name: "" },
  problem?: { message: string; status: number },
): Page {
  const action = `/oidc/interaction/${uid}`;
  const shortest = shortestPassword.member;
  if (!members.claimed()) {
    return {
      title: "Not ready yet",
      body: html`<div class="card"><h1>Not ready yet</h1><p>This server has no owner yet, so nobody can have been invited to it.</p></div>`,
    };
  }
  return {
    title: "Make an account",
    ...(problem && { status: problem.status as 422 }),
    body: html`<div class="card">
<h1>Make an account</h1>
<p>On <strong>${config.serverName}</strong> you need an invite. The name stays, the password you can change later.</p>
<form method="post" action="${action}">
<div class="alert" role="alert" id="problem"${problem ? "" : html` hidden`}>${problem?.message ?? ""}</div>
<div class="field">
<label for="token">Invite code</label>
<input id="token" name="token" value="${typed.token}" required maxlength="100" autocomplete="off"
 autocapitalize="none" autocorrect="off" spellcheck="false" aria-describedby="token-hint">
<p class="hint" id="token-hint">The part after # in the link that you were sent. It begins with bit_.</p>
</div>
<div class="field">
<label for="name">Your name here</label>
<input id="name" name="name" value="${typed.name}" required maxlength="100" autocomplete="username"
 autocapitalize="none" autocorrect="off" spellcheck="false" aria-describedby="name-hint">
<p class="hint" id="name-hint">Small letters, digits and . _ - = / + are fine.</p>
</div>
<div class="field">
<label for="password">Password</label>
${passwordInput(
  "password",
  html`minlength="${shortest}" autocomplete="new-password" aria-describedby="password-hint"`,
)}
<p class="hint" id="password-hint">At least ${shortest} characters. Four or five unrelated words are easy to remember.</p>
</div>
<button type="submit" name="act" value="sign-up">Make the account</button>
</form>
<form method="post" action="${action}">
<button type="submit" class="quiet" name="act" value="have-account">I have an account already</button>
</form>
</div>`,
  };
}

/** Makes the account; or the form again with what is wrong. */
export async function signUp(
  c: Context<HttpEnv>,
  oidc: OidcContext,
  uid: string,
  fields: URLSearchParams,
): Promise<{ readonly member: Member } | Page> {
  const field = (name: string): string => fields.get(name) ?? "";
  const typed = { token: field("token").trim(), name: field("name") };
  try {
    const member = await tryToken(
      oidc.guesses,
      c.env.context,
      { kind: "invite-token", credential: typed.token, refusal: "invite-invalid" },
      () =>
        oidc.members.register({ name: typed.name, inviteToken: typed.token, password: field("password") }),
    );
    return { member };
  } catch (error) {
    if (!(error instanceof MembersError)) throw error;
    return signUpPage(oidc, uid, typed, { message: error.message, status: statusOf[error.code] });
  }
}
