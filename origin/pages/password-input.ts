import { html } from "hono/html";
import type { Markup } from "./layout.ts";

/** The input for a password, with a button that shows what was typed. `attributes` are what only this one has. */
export function passwordInput(name: string, attributes: Markup): Markup {
  return html`<div class="joined">
<input id="${name}" name="${name}" type="password" required ${attributes}>
<button type="button" class="quiet" data-reveal="${name}" aria-pressed="false" aria-controls="${name}" hidden>Show<span class="unseen"> password</span></button>
</div>`;
}
