import { html } from "hono/html";
import type { Page } from "../../../pages/layout.ts";

/** The one time that the codes are shown. */
export function recoveryCodesPage(shown: {
  readonly codes: readonly string[];
  readonly serverName: string;
  readonly script: string;
  /** What was added, where the codes come with it. */
  readonly done?: string;
}): Page {
  return {
    title: "Your recovery codes",
    scripts: [shown.script],
    body: html`<div class="card">
<h1>Your recovery codes</h1>
${shown.done === undefined ? "" : html`<p class="done" role="status">${shown.done}</p>`}
<p>Print these or write them down, and keep them where your phone is not. When phone and passkeys are lost, each of them
signs you in once, after your password. <strong>They are not shown again.</strong></p>
<p class="printed">Recovery codes for ${shown.serverName}</p>
<ol class="codes">${shown.codes.map((code) => html`<li><code>${code}</code></li>`)}</ol>
<div class="actions">
<button type="button" class="quiet" data-print hidden>Print</button>
<button type="button" class="quiet" data-copy="${shown.codes.join("\n")}" data-copy-says="the codes" hidden>Copy</button>
</div>
<p id="copied" class="hint" role="status"></p>
<p class="onward"><a href="/factors">I have them</a></p>
</div>`,
  };
}
