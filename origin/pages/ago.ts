import { html } from "hono/html";
import type { Markup } from "./layout.ts";

const units = [
  [60_000, "minute"],
  [3_600_000, "hour"],
  [86_400_000, "day"],
] as const;

/** `3 hours ago`: how long past is the same in every time zone, which a server does not know. Both in Unix ms. */
export function ago(then: number, now: number): Markup {
  return html`<time datetime="${new Date(then).toISOString()}">${words(then, now)}</time>`;
}

function words(then: number, now: number): string {
  const passed = now - then;
  const [size, unit] = units.findLast(([least]) => passed >= least) ?? [];
  if (size === undefined) return "just now";
  const count = Math.floor(passed / size);
  if (unit === "day" && count > 30) return new Date(then).toISOString().slice(0, 10);
  return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
}
