import { html } from "hono/html";
import type { FactorsHeld } from "../../../members/factors/second-factors.ts";
import type { Markup, Page } from "../../../pages/layout.ts";

/** After the right password: the ways of which one is asked for. */
export function secondStepPage(shown: {
  readonly held: FactorsHeld;
  readonly script: string;
  readonly problem?: { readonly way: SecondStepWay; readonly message: string };
}): Page {
  const { held, problem } = shown;
  return {
    title: problem ? "Error: One more step" : "One more step",
    scripts: [shown.script],
    body: html`<div class="card">
<h1>One more step</h1>
<p>The password is right. Now show that it is you.</p>
${held.passkeys > 0 ? passkeyForm("/sign-in/second-step", "Use a passkey", messageOf("passkey", problem)) : ""}
${held.totp ? totpForm(messageOf("code", problem)) : ""}
${held.recoveryCodes > 0 ? recoveryForm(messageOf("recovery", problem)) : ""}
<p class="hint onward">None of this at hand? The owner of this server can set you back to the password alone.
<a href="/sign-in">Sign in as somebody else</a></p>
</div>`,
  };
}

export type SecondStepWay = "passkey" | "code" | "recovery";

const messageOf = (way: SecondStepWay, problem: { way: SecondStepWay; message: string } | undefined) =>
  problem?.way === way ? problem.message : undefined;

const alert = (message: string | undefined, id: string): Markup =>
  html`<div class="alert" role="alert" id="${id}"${message === undefined ? html` hidden` : ""}>${message ?? ""}</div>`;

/** The button that asks for a passkey. Where there is no script, or the browser knows none, it does not show. */
export function passkeyForm(action: string, label: string, message?: string, next = ""): Markup {
  return html`<form method="post" action="${action}" data-ceremony="get" data-options="${action}/options" hidden>
${alert(message, "passkey-problem")}
<input type="hidden" name="answer"><input type="hidden" name="next" value="${next}">
<button type="button">${label}</button>
</form>`;
}

function totpForm(message: string | undefined): Markup {
  return html`<form method="post" action="/sign-in/second-step">
${alert(message, "code-problem")}
<div class="field">
<label for="code">Six digits from your authenticator app</label>
<input id="code" name="code" required inputmode="numeric" pattern="[0-9 ]{6,8}" maxlength="8"
 autocomplete="one-time-code" ${marks(message, "code-problem")}>
</div>
<button type="submit">Sign in</button>
</form>`;
}

function recoveryForm(message: string | undefined): Markup {
  return html`<details${message === undefined ? "" : html` open`}>
<summary>Use a recovery code</summary>
<form method="post" action="/sign-in/second-step">
${alert(message, "recovery-problem")}
<div class="field">
<label for="recovery">Recovery code</label>
<input id="recovery" name="recovery" required maxlength="40" autocomplete="off" autocapitalize="none"
 autocorrect="off" spellcheck="false" ${marks(message, "recovery-problem")}>
</div>
<button type="submit">Sign in</button>
</form>
</details>`;
}

const marks = (message: string | undefined, id: string) =>
  message === undefined ? "" : html`aria-invalid="true" aria-describedby="${id}" autofocus`;
