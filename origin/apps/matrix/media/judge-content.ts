import { sniff } from "../../../host/sniff/sniff.ts";
import { forbidden } from "../matrix-error.ts";

/** What a browser may show where it stands (specification §Serving inline content). Everything else is an attachment. */
const inlineTypes: ReadonlySet<string> = new Set([
  "text/css",
  "text/plain",
  "text/csv",
  "application/json",
  "application/ld+json",
  "image/jpeg",
  "image/gif",
  "image/png",
  "image/apng",
  "image/webp",
  "image/avif",
  "video/mp4",
  "video/webm",
  "video/ogg",
  "video/quicktime",
  "audio/mp4",
  "audio/webm",
  "audio/aac",
  "audio/mpeg",
  "audio/ogg",
  "audio/wave",
  "audio/wav",
  "audio/x-wav",
  "audio/x-pn-wav",
  "audio/flac",
  "audio/x-flac",
]);

const unknownType = "application/octet-stream";

export interface JudgedContent {
  /** The media type to serve it with. */
  readonly type: string;
  /** Whether it may be shown inline. */
  readonly shown: boolean;
}

/**
 * Decides how a content is served (M5), and refuses what must not be kept (L3): what is two things at once, and
 * what may run although it is declared as something that is shown. Encrypted content claims nothing, and is never
 * refused. Otherwise clients err in harmless ways, and their files are kept:
 *
 * - a known, harmless content of another harmless type (a JPEG called PNG) as it was declared;
 * - a content that is nothing known (an encrypted file called PNG), or that may run, as `application/octet-stream`
 *   (specification, download: "when the server determines the content type is obviously wrong").
 */
export function judgeContent(
  head: Uint8Array,
  tail: Uint8Array,
  declared: { readonly type: string; readonly name: string | null },
): JudgedContent {
  const isInline = inlineTypes.has(essenceOf(declared.type));
  const found = sniff(head, { type: declared.type, name: declared.name ?? undefined }, tail);
  if (!found.refused) return { type: declared.type, shown: isInline && !found.inert };
  if (found.refused.code === "polyglot") throw forbidden(found.refused.message);
  const content = sniff(head, {}, tail);
  if (content.refused?.code === "polyglot") throw forbidden(content.refused.message);
  const isKnown = content.type !== unknownType;
  if (isKnown && content.inert && isInline) throw forbidden(found.refused.message);
  return isKnown && !content.inert
    ? { type: declared.type, shown: isInline }
    : { type: unknownType, shown: false };
}

/** The type without its parameters, in lower case. */
const essenceOf = (type: string): string => (type.split(";")[0] ?? "").trim().toLowerCase();

/** A declared media type as it may stand in a header; anything else is `application/octet-stream`. */
export function readContentType(header: string | null): string {
  const type = header?.trim() ?? "";
  const isType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(?:;[\t\x20-\x7e]*)?$/.test(type) && type.length <= 255;
  return isType ? type : unknownType;
}

/** A file's name as it is kept: no control characters, at most 255 characters; null where nothing is left. */
export function readFileName(name: string | null): string | null {
  const plain = (name ?? "")
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, "")
    .trim();
  return plain === "" ? null : Array.from(plain).slice(0, 255).join("");
}
