import type { Magic } from "./file-types.ts";
import { hasPageTag } from "./text.ts";

/** Formats that are shown, played or read by programs that look for their own format anywhere in a file. */
const shownMagic: ReadonlySet<Magic> = new Set<Magic>(
  (
    "png jpeg gif webp avif heic jxl bmp tiff ico mp3 aac flac wav ogg midi amr mp4 matroska avi mpeg pdf " +
    "woff woff2 ttf otf"
  ).split(" ") as Magic[],
);

/**
 * What else a file of this format could pass for, in words; undefined when nothing is seen. `head` and `tail` are
 * its first and last bytes, one character a byte.
 */
export function findPolyglot(magic: Magic, head: string, tail: string): string | undefined {
  if (!shownMagic.has(magic)) return undefined;
  const start = head.slice(0, 1024);
  if (hasPageTag(start)) return "a page";
  // Readers take a PDF whose mark is anywhere in the first KiB.
  if (magic !== "pdf" && start.includes("%PDF-")) return "a PDF";
  if (hasLocalHeader(head) || hasEndRecord(tail)) return "a zip";
  if (isScript(magic, head)) return "a script";
  return undefined;
}

/** APPNOTE §4.3.7, with a version, a method and a name that a zip may have. */
function hasLocalHeader(head: string): boolean {
  for (let at = head.indexOf("PK\x03\x04"); at !== -1; at = head.indexOf("PK\x03\x04", at + 4)) {
    const byte = (offset: number) => head.charCodeAt(at + offset);
    if (byte(4) <= 63 && byte(9) === 0 && byte(26) + byte(27) * 256 > 0 && byte(27) < 16) return true;
  }
  return false;
}

/** APPNOTE §4.3.16: the end record's comment reaches to the end of the file. */
function hasEndRecord(tail: string): boolean {
  const at = tail.lastIndexOf("PK\x05\x06");
  if (at === -1 || at + 22 > tail.length) return false;
  return tail.charCodeAt(at + 20) + tail.charCodeAt(at + 21) * 256 === tail.length - at - 22;
}

/** Media that is a program as well: its numbers spell an assignment, or open a comment that hides the rest. */
function isScript(magic: Magic, head: string): boolean {
  // Its width and height: read as characters they are beyond 2,000 pixels at least, mostly beyond 8,000.
  if (magic === "gif") return /^GIF8[79]a(?:[ -~]{4}|\/\*|=[\s!-~])/.test(head);
  if (magic === "jpeg") return head.slice(4, 6) === "/*";
  const numbers = magic === "bmp" ? 2 : 4;
  return head.startsWith("/*", numbers) && head.includes("*/");
}
