import type { Context } from "hono";
import { html } from "hono/html";
import type { HttpEnv } from "../../http/request-context.ts";
import type { Markup } from "../../pages/layout.ts";

/** What was just done, above the page that an act has led back to. The address names one of `texts` and nothing else. */
export function doneNote(c: Context<HttpEnv>, texts: Readonly<Record<string, string>>): Markup | "" {
  const wished = c.req.query("done") ?? "";
  return Object.hasOwn(texts, wished) ? html`<p class="done" role="status">${texts[wished]}</p>` : "";
}
