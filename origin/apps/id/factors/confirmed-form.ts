import { html } from "hono/html";
import type { Markup } from "../../../pages/layout.ts";

/** What cannot be taken back takes a second press, with what comes of it; no script needed. */
export function confirmedForm(form: {
  readonly action: string;
  readonly verb: string;
  /** Of what, for who hears the page. */
  readonly what: string;
  readonly consequence: string;
  /** What the second press says; without it, `verb` and "it". */
  readonly button?: string;
  /** What else the form tells. */
  readonly hidden?: Markup;
}): Markup {
  return html`<details>
<summary>${form.verb}<span class="unseen"> ${form.what}</span></summary>
<form method="post" action="${form.action}">${form.hidden ?? ""}
<p>${form.consequence}</p>
<button type="submit">${form.button ?? `${form.verb} it`}<span class="unseen">: ${form.what}</span></button>
</form>
</details>`;
}
