import type { Hono } from "hono";
import type { HttpEnv } from "../http/request-context.ts";
import { createAssets } from "./assets.ts";
import { createLayout, type Layout } from "./layout.ts";

/** What every host with pages needs: the frame of a page, and the files that the frame refers to. */
export interface Pages {
  readonly layout: Layout;
  /** Serves the shared stylesheet, script, icon and robots.txt on this host. */
  readonly mount: (routes: Hono<HttpEnv>) => void;
}

export function createPages(serverName: string): Pages {
  const assets = createAssets(new URL("./assets/", import.meta.url), "pages");
  return {
    layout: createLayout(assets, serverName),
    mount(routes) {
      assets.mount(routes);
      routes.get("/favicon.svg", (c) => assets.respond("favicon.svg", c.req.header("if-none-match")));
      routes.get("/robots.txt", (c) => c.text("User-agent: *\nDisallow: /\n"));
    },
  };
}
