import type { Context } from "hono";
import { html } from "hono/html";
import type { HttpEnv } from "../../http/request-context.ts";
import { MembersError } from "../../members/members.ts";
import { shortestPassword } from "../../members/password-strength.ts";
import { statusOf } from "../../pages/form-post.ts";
import type { Page } from "../../pages/layout.ts";
import { passwordInput } from "../../pages/password-input.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { checkPassword } from "./check-password.ts";
import { requireFresh } from "./confirm.ts";
import type { IdContext, SignedIn } from "./id-context.ts";
import type { MemberRoutes } from "./member-routes.ts";

const path = "/password";

interface Problem {
  readonly field: "current" | "password";
  readonly message: string;
  readonly status: Page["status"];
}

/** A new password, for the current one. Every other browser is signed out by it. */
export function mountPassword(id: IdContext, routes: MemberRoutes): void {
  const { members } = id;

  /** Of whoever has a second factor more than the password is asked for first: the change makes the session fresh. */
  async function confirmFirst(c: Context<HttpEnv>, { memberId }: SignedIn): Promise<Response | undefined> {
    if (!members.secondFactors(memberId).required) return undefined;
    const fresh = await requireFresh(id, c, path);
    return fresh instanceof Response ? fresh : undefined;
  }

  routes.page(
    path,
    async (c, who) => (await confirmFirst(c, who)) ?? passwordPage(who),
    async (c, who, fields) => {
      const first = await confirmFirst(c, who);
      if (first) return first;
      const right = await checkPassword(id, c, who.name, fields.get("current") ?? "");
      if (!right) {
        return passwordPage(who, {
          field: "current",
          message: "That is not your current password.",
          status: 403,
        });
      }
      try {
        await members.changePassword(who.memberId, fields.get("password") ?? "", {
          onlyWebSession: who.sessionId,
          devices: fields.has("devices") ? "none" : "all",
        });
      } catch (error) {
        if (!(error instanceof MembersError && error.code === "password-weak")) throw error;
        const { message, code } = error;
        return passwordPage(who, { field: "password", message, status: statusOf[code] });
      }
      await members.webSessions.confirm(who.memberId, who.sessionId);
      return redirectTo("/?done=password");
    },
  );
}

function passwordPage(who: SignedIn, problem?: Problem): Page {
  const shortest = shortestPassword[who.role];
  const marks = (field: Problem["field"]) =>
    problem?.field === field ? html` aria-describedby="problem" aria-invalid="true" autofocus` : "";
  return {
    title: problem ? "Error: Change your password" : "Change your password",
    status: problem?.status ?? 200,
    body: html`<div class="card">
<h1>Change your password</h1>
<p>All other browsers are signed out by it. App passwords and API keys stay.</p>
<form method="post" action="${path}">
<div class="alert" role="alert" id="problem"${problem ? "" : html` hidden`}>${problem?.message ?? ""}</div>
<input type="hidden" name="username" value="${who.name}" autocomplete="username">
<div class="field">
<label for="current">Current password</label>
${passwordInput("current", html`autocomplete="current-password"${marks("current")}`)}
</div>
<div class="field">
<label for="password">New password</label>
${passwordInput("password", html`minlength="${shortest}" autocomplete="new-password" passwordrules="minlength: ${shortest}; maxlength: 128;"${marks("password")}`)}
<p class="hint">At least ${shortest} characters. Four or five unrelated words are easy to remember; a password manager is
easier still.</p>
</div>
<div class="field">
<label class="choice"><input type="checkbox" name="devices" value="end">
<span>Sign out my chat apps, too. Do this if somebody else may know the old password.</span></label>
</div>
<button type="submit">Change the password</button>
</form>
<p class="onward"><a href="/">Your account</a></p>
</div>`,
  };
}
