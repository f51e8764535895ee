import { Hono } from "hono";
import type { App, AppContext } from "../../app.ts";
import type { HandOffs } from "../../gate/web-sessions/hand-offs.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { createPages } from "../../pages/pages.ts";
import { mountHandOff } from "./hand-off.ts";
import type { IdContext } from "./id-context.ts";
import { memberRoutes } from "./member-routes.ts";
import { mountOwnPage } from "./own-page.ts";
import { createSecondStep } from "./second-step.ts";
import { mountSignIn } from "./sign-in.ts";
import { mountSignOut } from "./sign-out.ts";

/** The sign-in host, `id.<server name>`: members sign in once, for all app hosts, and look after their account. */
export function createIdApp(context: AppContext, parts: { readonly handOffs: HandOffs }): App {
  const routes = new Hono<HttpEnv>();
  const pages = createPages(context.config.serverName);
  const id: IdContext = { ...context, ...parts, routes, layout: pages.layout };

  mountSignIn(id, createSecondStep(id));
  mountSignOut(id);
  mountHandOff(id);
  mountOwnPage(id, memberRoutes(id));
  pages.mount(routes);

  return { name: "id", host: "id", routes, backup: { databases: [], blobs: [] } };
}
