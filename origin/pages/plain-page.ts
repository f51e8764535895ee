import { html } from "hono/html";
import type { Page } from "./layout.ts";

/** A page that says one thing and leads back. */
export function plainPage(title: string, text: string): Page {
  return {
    title,
    body: html`<div class="card"><h1>${title}</h1><p>${text}</p><p><a href="/">To the first page</a></p></div>`,
  };
}
