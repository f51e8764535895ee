import { Hono } from "hono";
import type { App, AppContext } from "../../app.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { createAssets } from "./assets.ts";
import { mountInvite } from "./invite.ts";
import { createLayout } from "./layout.ts";
import { mountSetup } from "./setup.ts";
import { welcomePage } from "./welcome-page.ts";

/** The front door of the apex host: what this server is, claiming it, and opening an invite. */
export function createHomeApp(context: AppContext): App {
  const routes = new Hono<HttpEnv>();
  const assets = createAssets(new URL("./assets/", import.meta.url));
  const layout = createLayout(assets, context.config.serverName);

  routes.get("/", (c) => layout(c, welcomePage(context.config, context.members.claimed())));
  mountSetup(routes, context, layout);
  mountInvite(routes, context, layout);

  routes.get("/favicon.svg", (c) => assets.respond("favicon.svg", c.req.header("if-none-match"), "day"));
  routes.get("/robots.txt", (c) => c.text("User-agent: *\nDisallow: /\n"));
  routes.get("/assets/home/:file", (c) => {
    const name = assets.named(c.req.param("file"));
    return name ? assets.respond(name, c.req.header("if-none-match"), "forever") : c.notFound();
  });

  return { name: "home", host: "apex", routes, backup: { databases: [], blobs: [] } };
}
