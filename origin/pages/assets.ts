import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import type { Hono } from "hono";
import type { HttpEnv } from "../http/request-context.ts";

export interface Assets {
  /** The address of a file, with its content's hash in it, so that it may be kept for good. */
  readonly url: (name: string) => string;
  /** The file itself, for an address without a hash. */
  readonly respond: (name: string, ifNoneMatch: string | undefined, keep?: "day" | "forever") => Response;
  /** Serves the addresses that `url` gives. One whose content has changed since is not found. */
  readonly mount: (routes: Hono<HttpEnv>) => void;
}

const types: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

const cacheControl = { day: "public, max-age=86400", forever: "public, max-age=31536000, immutable" };

/** Reads a folder once: it is small, and belongs to the release. Its files get addresses under `/assets/NAME/`. */
export function createAssets(folder: URL, folderName: string): Assets {
  const files = new Map(
    readdirSync(folder).map((name) => {
      const body = new Uint8Array(readFileSync(new URL(name, folder)));
      const digest = hash("sha256", body).slice(0, 12);
      const extension = extname(name);
      const segment = `${name.slice(0, -extension.length)}.${digest}${extension}`;
      return [name, { body, segment, etag: `"${digest}"`, type: types[extension] ?? "text/plain" }];
    }),
  );
  const bySegment = new Map([...files].map(([name, file]) => [file.segment, name]));

  function require(name: string) {
    const file = files.get(name);
    if (!file) throw new Error(`No asset of the name ${name}.`);
    return file;
  }

  const respond: Assets["respond"] = (name, ifNoneMatch, keep = "day") => {
    const { body, etag, type } = require(name);
    const headers = { etag, "cache-control": cacheControl[keep] };
    if (ifNoneMatch?.includes(etag)) return new Response(null, { status: 304, headers });
    return new Response(body, { headers: { ...headers, "content-type": type } });
  };

  return {
    url: (name) => `/assets/${folderName}/${require(name).segment}`,
    respond,
    mount(routes) {
      routes.get(`/assets/${folderName}/:file`, (c) => {
        const name = bySegment.get(c.req.param("file"));
        if (name === undefined) return c.notFound();
        return respond(name, c.req.header("if-none-match"), "forever");
      });
    },
  };
}
