import { html } from "hono/html";
import type { Markup } from "../../pages/layout.ts";

/** A name that can be given to a thing in a list. `id` is of the page, `what` for who hears it. */
export function renameForm(form: {
  readonly action: string;
  readonly id: string;
  readonly name: string;
  readonly what: string;
  /** What else the form tells. */
  readonly hidden?: Markup;
}): Markup {
  return html`<details>
<summary>Rename<span class="unseen"> ${form.what}</span></summary>
<form method="post" action="${form.action}">${form.hidden ?? ""}
<div class="field">
<label for="${form.id}">New name</label>
<input id="${form.id}" name="name" value="${form.name}" maxlength="100" autocomplete="off">
</div>
<button type="submit">Rename</button>
</form>
</details>`;
}
