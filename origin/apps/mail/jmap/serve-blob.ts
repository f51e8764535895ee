import { Readable } from "node:stream";
import type { FoundBlob } from "./blobs.ts";

/** A blob as a download: whatever it is, it is an attachment, and can run nothing (row L3). */
export function serveBlob(
  blob: FoundBlob,
  { type, name, isHead }: { type: string; name: string; isHead: boolean },
): Response {
  const known = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w-]+=[\w."-]+)*$/.test(type)
    ? type
    : "application/octet-stream";
  return new Response(isHead ? null : (Readable.toWeb(blob.open()) as ReadableStream), {
    headers: {
      "content-type": known,
      "content-length": String(blob.size),
      "content-disposition": `attachment; filename*=UTF-8''${encodeName(name)}`,
      "content-security-policy": "sandbox; default-src 'none'",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
      "cache-control": "private, immutable, max-age=31536000",
    },
  });
}

/** RFC 8187 §3.2. */
function encodeName(name: string): string {
  return encodeURIComponent(name.toWellFormed().replaceAll(/\p{Cc}/gu, " ")).replaceAll(
    /['()*!]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
