import { html } from "hono/html";
import type { Markup } from "../../../pages/layout.ts";

const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });

/** `1 Jun 2026`: to the day, since nobody knows the reader's clock. */
export function shownDay(time: number): Markup {
  return html`<time datetime="${new Date(time).toISOString()}">${format.format(time)}</time>`;
}
