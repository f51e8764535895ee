import type { Hono } from "hono";
import type { HttpEnv } from "../../../http/request-context.ts";
import { originOf } from "../../../http/same-origin.ts";
import { createAssets } from "../../../pages/assets.ts";
import { createPages } from "../../../pages/pages.ts";
import type { MethodTable } from "../jmap/method.ts";
import type { MailContext } from "../mail-context.ts";
import { mountActs } from "./acts.ts";
import { mountDestroy } from "./destroy.ts";
import { mountFolders } from "./folders-page.ts";
import { mountHelp } from "./help-page.ts";
import { createHtmlCleaner } from "./html/html-cleaner.ts";
import { mailRoutes } from "./mail-routes.ts";
import { mountDownloads } from "./reading/downloads.ts";
import { mountLists } from "./reading/list-page.ts";
import { mountSearch } from "./reading/search-page.ts";
import { createThreadLists } from "./reading/thread-lists.ts";
import { mountThreads } from "./reading/thread-page.ts";
import { mountRules } from "./rules-page.ts";
import { mountSettings } from "./settings-page.ts";
import { mountTakeBack } from "./take-back.ts";
import { createUndoStore } from "./undo-store.ts";
import type { WebmailContext } from "./webmail-context.ts";
import { mountCompose } from "./writing/compose-page.ts";

/** Mail in a browser, on the mail host: pages made here that work without script, and better with it. */
export function mountWebmail(
  routes: Hono<HttpEnv>,
  mail: MailContext,
  { tables, signInHost }: { tables: readonly MethodTable[]; signInHost: string },
): { close(): Promise<void> } {
  const pages = createPages(mail.serverName);
  const assets = createAssets(new URL("./assets/", import.meta.url), "webmail");
  const cleaner = createHtmlCleaner(mail.now);
  const webmail: WebmailContext = {
    mail,
    routes,
    layout: pages.layout,
    assets,
    tables,
    cleaner,
    lists: createThreadLists(mail.database),
    undo: createUndoStore(mail.database, mail.now),
    signInUrl: (c) => originOf(c.env.context.client, signInHost),
  };
  const mailPages = mailRoutes(webmail);
  mountLists(webmail, mailPages);
  mountSearch(webmail, mailPages);
  mountThreads(webmail, mailPages);
  mountDownloads(webmail, mailPages);
  mountCompose(webmail, mailPages);
  mountActs(webmail, mailPages);
  mountTakeBack(webmail, mailPages);
  mountDestroy(webmail, mailPages);
  mountFolders(webmail, mailPages);
  mountSettings(webmail, mailPages);
  mountRules(webmail, mailPages);
  mountHelp(mailPages);
  routes.get("/manifest.webmanifest", (c) =>
    c.body(JSON.stringify(manifestOf(mail.serverName)), 200, {
      "content-type": "application/manifest+json",
      "cache-control": "public, max-age=86400",
    }),
  );
  pages.mount(routes);
  assets.mount(routes);
  return { close: () => cleaner.close() };
}

/** So that a phone keeps it beside its apps. */
const manifestOf = (serverName: string): object => ({
  name: `Mail · ${serverName}`,
  short_name: "Mail",
  start_url: "/",
  scope: "/",
  display: "standalone",
  background_color: "#f6f0e4",
  theme_color: "#f6f0e4",
  icons: [{ src: "/favicon.svg", type: "image/svg+xml", sizes: "any" }],
  shortcuts: [{ name: "Write", url: "/compose" }],
});
