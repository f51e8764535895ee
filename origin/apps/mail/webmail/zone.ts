import type { Context } from "hono";
import { html } from "hono/html";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { Markup } from "../../../pages/layout.ts";

/** A browser's time zone. A server cannot know it: the script says it in a cookie, or the member chooses one. */
export interface Zone {
  readonly name: string;
  /** `14:05` today, `3 May` this year, `3 May 2024`. Unix ms. */
  short(time: number, now: number): Markup;
  /** `Sunday, 3 May 2026 at 14:05`. */
  long(time: number): Markup;
  /** The day's beginning as people write it, `2026-05-03`, in Unix ms; undefined where it is no date. */
  startOf(day: string): number | undefined;
}

export const zoneCookie = "burrow-zone";
const usual = "UTC";
/** Kept: making one takes longer than a list with it. There are some 600 zones, and few in one house. */
const known = new Map<string, Zone>();
const mostKnown = 64;

export function zoneOf(c: Context<HttpEnv>): Zone {
  const [, given = ""] =
    /(?:^|;\s*)burrow-zone=([\w%+/-]{1,80})(?:;|$)/.exec(c.req.header("cookie") ?? "") ?? [];
  return findZone(decode(given)) ?? (findZone(usual) as Zone);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** Undefined for a name that is none (IANA time zone database). */
export function findZone(name: string): Zone | undefined {
  const found = known.get(name);
  if (found) return found;
  if (!/^[A-Za-z][\w+/-]{0,63}$/.test(name)) return undefined;
  try {
    const zone = createZone(name);
    if (known.size >= mostKnown) known.clear();
    known.set(name, zone);
    return zone;
  } catch {
    return undefined;
  }
}

/** As a browser keeps it for a year; the script reads and writes it. */
export function makeZoneCookie(name: string): string {
  return `${zoneCookie}=${encodeURIComponent(name)}; Path=/; Max-Age=31536000; Secure; SameSite=Lax`;
}

function createZone(timeZone: string): Zone {
  const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
    new Intl.DateTimeFormat("en-GB", { timeZone, ...options });
  const day = format({ year: "numeric", month: "2-digit", day: "2-digit" });
  const clock = format({ hour: "2-digit", minute: "2-digit" });
  const thisYear = format({ day: "numeric", month: "short" });
  const otherYear = format({ day: "numeric", month: "short", year: "numeric" });
  const whole = format({ dateStyle: "full", timeStyle: "short" });
  const offset = format({ timeZoneName: "longOffset" });
  const marked = (time: number, words: string): Markup =>
    html`<time datetime="${new Date(time).toISOString()}" title="${whole.format(time)}">${words}</time>`;
  const isDate = (time: number): boolean => Math.abs(time) < 8e15;

  function offsetMs(time: number): number {
    const name = offset.formatToParts(time).find(({ type }) => type === "timeZoneName")?.value ?? "";
    const [, sign = "+", hours = "0", minutes = "0"] = /([+-])(\d{1,2})(?::(\d{2}))?/.exec(name) ?? [];
    return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  }

  return {
    name: timeZone,
    short(time, now) {
      if (!isDate(time)) return html``;
      const [then, today] = [day.format(time), day.format(now)];
      if (then === today) return marked(time, clock.format(time));
      return marked(time, (then.slice(-4) === today.slice(-4) ? thisYear : otherYear).format(time));
    },
    long: (time) => (isDate(time) ? marked(time, whole.format(time)) : html``),
    startOf(text) {
      const midnight = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
      if (Number.isNaN(midnight)) return undefined;
      // The offset of that moment, and not of the one that UTC calls midnight.
      return midnight - offsetMs(midnight - offsetMs(midnight));
    },
  };
}
