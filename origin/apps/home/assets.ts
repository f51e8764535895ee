import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";

export interface Assets {
  /** The address of a file, with its content's hash in it, so that it may be kept for good. */
  readonly url: (name: string) => string;
  /** The file behind the last segment of such an address; undefined when the content has changed since. */
  readonly named: (segment: string) => string | undefined;
  readonly respond: (name: string, ifNoneMatch: string | undefined, keep: "day" | "forever") => Response;
}

const types: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

const cacheControl = { day: "public, max-age=86400", forever: "public, max-age=31536000, immutable" };

/** Reads a folder once: it is small, and belongs to the release. */
export function createAssets(folder: URL): Assets {
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

  return {
    url: (name) => `/assets/home/${require(name).segment}`,
    named: (segment) => bySegment.get(segment),
    respond(name, ifNoneMatch, keep) {
      const { body, etag, type } = require(name);
      const headers = { etag, "cache-control": cacheControl[keep] };
      if (ifNoneMatch?.includes(etag)) return new Response(null, { status: 304, headers });
      return new Response(body, { headers: { ...headers, "content-type": type } });
    },
  };
}
