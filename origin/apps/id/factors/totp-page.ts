import { html, raw } from "hono/html";
import { renderSVG } from "uqr";
import type { Page } from "../../../pages/layout.ts";

/** What an authenticator app scans or is told, and the field for its first code. */
export function totpPage(enrolment: { secret: string; uri: string }): Page {
  // Made of the URI alone: squares, and not a letter of it.
  const picture = raw(renderSVG(enrolment.uri, { border: 2 }));
  return {
    title: "Set up an authenticator app",
    body: html`<div class="card">
<h1>Set up an authenticator app</h1>
<ol>
<li>Open your authenticator app and let it scan this:
<div class="qr" role="img" aria-label="QR code for the authenticator app">${picture}</div></li>
<li>Or tap <a href="${enrolment.uri}">open in an app on this device</a>, or type this key into the app:
<p class="secret"><code>${enrolment.secret.match(/.{4}/g)?.join(" ")}</code></p></li>
<li>Type in the six digits that the app then shows.</li>
</ol>
${codeForm()}
</div>`,
  };
}

/** The first code was wrong: the app has its key by now, so only the digits are asked for again. */
export function totpRetryPage(message: string): Page {
  return {
    title: "Error: Set up an authenticator app",
    body: html`<div class="card">
<h1>Set up an authenticator app</h1>
${codeForm(message)}
<p class="hint">Not scanned yet? <a href="/factors#authenticator">Begin again.</a></p>
</div>`,
  };
}

function codeForm(problem?: string) {
  return html`<form method="post" action="/factors/authenticator/confirm">
${problem === undefined ? "" : html`<div class="alert" role="alert" id="problem">${problem}</div>`}
<div class="field">
<label for="code">Six digits</label>
<input id="code" name="code" required inputmode="numeric" pattern="[0-9 ]{6,8}" maxlength="8" autocomplete="one-time-code"
 ${problem === undefined ? "" : html`aria-invalid="true" aria-describedby="problem" autofocus`}>
</div>
<button type="submit">Finish</button>
</form>`;
}
