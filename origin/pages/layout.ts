import type { Context } from "hono";
import { html } from "hono/html";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { HttpEnv } from "../http/request-context.ts";
import type { Assets } from "./assets.ts";

/** What the `html` tag makes: text whose values are escaped. */
export type Markup = ReturnType<typeof html>;

export interface Page {
  readonly title: string;
  readonly body: Markup;
  /** Addresses of modules of its own, beside the script of all pages. */
  readonly scripts?: readonly string[];
  /** Origins beside our own to which sending its form may lead, by redirects: browsers judge those, too. */
  readonly formTargets?: readonly string[];
  readonly status?: ContentfulStatusCode;
  readonly headers?: Record<string, string>;
  /** `Set-Cookie` fields. */
  readonly cookies?: readonly string[];
  /** In the place of the usual frame. */
  readonly frame?: Frame;
}

/** What an app that fills the whole window has around its pages. It has the colours and the icon of all of them. */
export interface Frame {
  readonly stylesheets: readonly string[];
  /** Of the `head`, further elements. */
  readonly head: Markup;
  readonly header: Markup;
  /** Directives of the policy beside those of all pages: `frame-src 'self'`. */
  readonly policy: readonly string[];
}

/** Renders a page in the frame that all of them share. */
export type Layout = (c: Context<HttpEnv>, page: Page) => Response | Promise<Response>;

const policyOf = ({ formTargets = [], frame }: Page): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    ["form-action 'self'", ...formTargets].join(" "),
    "base-uri 'none'",
    "frame-ancestors 'none'",
    ...(frame?.policy ?? []),
  ].join("; ");

export function createLayout(assets: Assets, serverName: string): Layout {
  const colours = assets.url("colours.css");
  const usualStylesheets = ["pages.css", "lists.css"].map((name) => assets.url(name));
  const script = assets.url("pages.js");

  return function renderPage(c, page) {
    const { frame } = page;
    const stylesheets = [colours, ...(frame?.stylesheets ?? usualStylesheets)];
    c.header("content-security-policy", policyOf(page));
    // Stricter (`no-referrer`) would make browsers send `Origin: null` with our own forms.
    c.header("referrer-policy", "same-origin");
    c.header("cache-control", "no-store");
    for (const [name, value] of Object.entries(page.headers ?? {})) c.header(name, value);
    for (const cookie of page.cookies ?? []) c.header("set-cookie", cookie, { append: true });
    return c.html(
      html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${page.title} · ${serverName}</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
${stylesheets.map((href) => html`<link rel="stylesheet" href="${href}">`)}
${frame?.head ?? ""}
${[script, ...(page.scripts ?? [])].map((src) => html`<script type="module" src="${src}"></script>`)}
</head>
<body>
<header>
${frame?.header ?? html`<a class="brand" href="/">${emblem}<span>${serverName}</span></a>`}
</header>
<main>
${page.body}
</main>
${frame ? "" : html`<footer><p>A private server, run by one person for the people they invite.</p></footer>`}
</body>
</html>`,
      page.status ?? 200,
    );
  };
}

export const emblem = html`<svg class="emblem" viewBox="0 0 64 40" aria-hidden="true" focusable="false">
<path class="hill" d="M2 38C10 14 22 4 34 4s22 12 28 34z"/>
<circle class="door" cx="33" cy="28" r="10"/>
<circle class="knob" cx="37.5" cy="28" r="1.6"/>
<path class="grass" d="M0 38.5h64"/>
</svg>`;
