import { Readable } from "node:stream";
import { notFound } from "../matrix-error.ts";
import { readRange } from "./byte-range.ts";
import { contentDisposition } from "./content-disposition.ts";
import type { KeptBlobs } from "../../../storage/kept-blobs.ts";

export interface ServedMedia {
  readonly hash: string;
  readonly type: string;
  readonly shown: boolean;
  readonly name: string | null;
}

/** M5: whatever it is, it runs nothing and reaches nothing. A web client on another origin may show it. */
const inertHeaders: Readonly<Record<string, string>> = {
  "content-security-policy":
    "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "cross-origin",
  "access-control-expose-headers": "Accept-Ranges, Content-Disposition, Content-Range, ETag",
  "accept-ranges": "bytes",
  // What an address names never changes, and only members see it.
  "cache-control": "private, max-age=31536000, immutable",
};

/**
 * A blob as an answer: whole, a range, or the news that the client has it already. The file is read as fast as the client
 * takes it, and no longer than the client stays. Throws 404 where the blob is gone.
 */
export async function serveMedia(request: Request, blobs: KeptBlobs, media: ServedMedia): Promise<Response> {
  const etag = `"${media.hash.slice(0, 32)}"`;
  const headers = new Headers({ ...inertHeaders, etag });
  if (matches(request.headers.get("if-none-match"), etag))
    return new Response(null, { status: 304, headers });

  const size = await blobs.size(media.hash);
  if (size === undefined) throw notFound("This file is not here any more.");
  headers.set("content-type", media.type);
  headers.set("content-disposition", contentDisposition(media.shown, media.name));
  const condition = request.headers.get("if-range");
  // RFC 9110 §13.1.5: for another version the whole is wanted.
  const asked = condition === null || condition === etag ? request.headers.get("range") : null;
  const range = readRange(asked, size);
  if (range === "unsatisfiable") {
    for (const name of ["content-type", "content-disposition"]) headers.delete(name);
    headers.set("content-range", `bytes */${size}`);
    return new Response(null, { status: 416, headers });
  }
  if (range) headers.set("content-range", `bytes ${range.start}-${range.end}/${size}`);
  headers.set("content-length", String(range ? range.end - range.start + 1 : size));
  const status = range ? 206 : 200;
  if (request.method === "HEAD") return new Response(null, { status, headers });
  const blob = await blobs.open(media.hash, range);
  if (!blob) throw notFound("This file is not here any more.");
  // Nothing is read ahead of the client but what the file's own stream holds.
  const body = Readable.toWeb(blob.stream, { strategy: { highWaterMark: 0 } });
  return new Response(body, { status, headers });
}

/** RFC 9110 §13.1.2, by weak comparison. */
function matches(header: string | null, etag: string): boolean {
  if (header === null) return false;
  if (header.trim() === "*") return true;
  return header.split(",").some((entry) => entry.trim().replace(/^W\//, "") === etag);
}
