import { Hono } from "hono";
import type { App, AppContext } from "../../app.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { createAssets } from "../../pages/assets.ts";
import { createPages } from "../../pages/pages.ts";
import { mountInvite } from "./invite.ts";
import { mountSetup } from "./setup.ts";
import { signInAddress } from "./sign-in-address.ts";
import { welcomePage } from "./welcome-page.ts";

/** The front door of the apex host: what this server is, claiming it, and opening an invite. */
export function createHomeApp(context: AppContext): App {
  const routes = new Hono<HttpEnv>();
  const pages = createPages(context.config.serverName);
  const assets = createAssets(new URL("./assets/", import.meta.url), "home");
  const script = assets.url("account-form.js");
  const { layout } = pages;

  const { config, members } = context;
  routes.get("/", (c) => layout(c, welcomePage(config, members.claimed(), signInAddress(c, config.hosts))));
  mountSetup(routes, context, layout, script);
  mountInvite(routes, context, layout, script);
  pages.mount(routes);
  assets.mount(routes);

  return { name: "home", host: "apex", routes, backup: { databases: [], blobs: [] } };
}
