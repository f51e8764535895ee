import { html } from "hono/html";
import type { FactorsHeld } from "../../members/factors/second-factors.ts";
import type { Markup, Page } from "../../pages/layout.ts";
import { passwordInput } from "../../pages/password-input.ts";
import { passkeyForm } from "./factors/second-step-page.ts";

/** Which of the two ways did not do. */
export type ConfirmProblem = "secret" | "passkey";

interface Shown {
  readonly name: string;
  readonly held: FactorsHeld;
  /** Where it goes on; a path of this host. */
  readonly next: string;
  readonly script: string;
  readonly problem: ConfirmProblem | undefined;
}

/** Asks for what a sign-in asks for: of whoever has a passkey alone, for that. */
export function confirmPage(shown: Shown): Page {
  const { name, held, next, problem } = shown;
  const wrongPasskey = problem === "passkey" ? "This passkey did not confirm it is you." : undefined;
  const hasCode = held.totp || held.recoveryCodes > 0;
  return {
    title: problem ? "Error: Confirm that it is you" : "Confirm that it is you",
    status: problem ? 403 : 200,
    scripts: [shown.script],
    body: html`<div class="card">
<h1>Confirm that it is you</h1>
<p>You are signed in as <strong>${name}</strong>. What comes next matters, so show once more that it is you.</p>
${held.passkeys > 0 ? passkeyForm("/confirm/passkey", "Use a passkey", wrongPasskey, next) : ""}
${held.required && !hasCode ? passkeyOnly : passwordForm(shown)}
</div>`,
  };
}

const passkeyOnly = html`<p class="hint onward">Your password alone does not do since you have a passkey. None at hand? The owner of
this server can set you back to the password alone.</p>`;

function passwordForm({ name, held, next, problem }: Shown): Markup {
  const isWrong = problem === "secret";
  const message = held.required ? "The password or the code is not right." : "That is not your password.";
  return html`<form method="post" action="/confirm">
<div class="alert" role="alert" id="problem"${isWrong ? "" : html` hidden`}>${isWrong ? message : ""}</div>
<input type="hidden" name="next" value="${next}">
<input type="hidden" name="username" value="${name}" autocomplete="username">
<div class="field">
<label for="password">Password</label>
${passwordInput("password", html`autocomplete="current-password"${marks(isWrong)} autofocus`)}
</div>
${held.required ? codeField(held, isWrong) : ""}
<button type="submit">Continue</button>
</form>`;
}

/** One for both: of the two a person has at hand what they have. */
function codeField({ totp, recoveryCodes }: FactorsHeld, isWrong: boolean): Markup {
  const digits = "Six digits from your authenticator app";
  const both = recoveryCodes > 0 ? `${digits}, or a recovery code` : digits;
  return html`<div class="field">
<label for="code">${totp ? both : "A recovery code"}</label>
<input id="code" name="code" required maxlength="40" autocomplete="${totp ? "one-time-code" : "off"}" autocapitalize="none"
 autocorrect="off" spellcheck="false"${marks(isWrong)}>
</div>`;
}

const marks = (isWrong: boolean): Markup | string =>
  isWrong ? html` aria-describedby="problem" aria-invalid="true"` : "";
