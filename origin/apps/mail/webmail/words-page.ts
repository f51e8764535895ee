import { html } from "hono/html";
import type { MailPage } from "./webmail-context.ts";

/** A page that says one thing and leads back. */
export function wordsPage(title: string, text: string, status: NonNullable<MailPage["status"]>): MailPage {
  return {
    title,
    status,
    body: html`<div class="sheet"><h1>${title}</h1><p>${text}</p><p><a class="button" href="/">To the inbox</a></p></div>`,
  };
}

export const notThere = (what: string): MailPage =>
  wordsPage("Not here", `${what} It may have been deleted, or moved by another program.`, 404);
