/** Control characters that texts do contain: tab, line feed, form feed, carriage return, escape. */
const textControls: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0c, 0x0d, 0x1b]);

/** WHATWG MIME Sniffing §3, "binary data byte". */
function isBinary(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 && !textControls.has(code)) return true;
  }
  return false;
}

export interface DetectedText {
  readonly text: string;
  /** Its encoding is plain from the bytes: UTF-8, or marked UTF-16. */
  readonly certain: boolean;
}

/** The text that the bytes begin with; undefined when they are none. */
export function detectText(head: Uint8Array): DetectedText | undefined {
  const [first, second] = head;
  const utf16 =
    first === 0xff && second === 0xfe
      ? "utf-16le"
      : first === 0xfe && second === 0xff
        ? "utf-16be"
        : undefined;
  if (utf16 !== undefined) {
    const text = new TextDecoder(utf16).decode(head.subarray(0, head.length - (head.length % 2)));
    return isBinary(text) ? undefined : { text, certain: true };
  }
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString("latin1");
  if (isBinary(bytes)) return undefined;
  try {
    // As a stream: the last character may be cut in two.
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true }), certain: true };
  } catch {
    return { text: bytes, certain: false };
  }
}

/** Where a browser that guesses would see a page (WHATWG MIME Sniffing §7.1, and what older ones took for one). */
const pageTag =
  /<(?:!doctype\s+html|html|head|body|script|iframe|object|embed|svg|style|title|meta|base|form|img|link|template|\?php)(?=[\s>/:]|$)/i;

/** Whether there is markup anywhere in the first KiB that a browser could take for a page. */
export const hasPageTag = (text: string): boolean => pageTag.test(text.slice(0, 1024));

export type Markup = "html" | "svg" | "xhtml" | "xml";

/** What the text is by its first tag; undefined when it does not begin with one. */
export function detectMarkup(text: string): Markup | undefined {
  const start = text.replace(/^\ufeff?\s+|^\ufeff/, "");
  if (!start.startsWith("<")) return undefined;
  const declared = /^<\?xml[\s?]/i.test(start);
  // What may stand before the root: declarations, comments, a document type with its entities.
  const body = start.replace(/^(?:\s|<\?[^>]*>|<!--[\s\S]*?-->|<!doctype[^>[]*(?:\[[^\]]*\])?[^>]*>)+/i, "");
  const root = /^<(?:[\w.-]+:)?([A-Za-z][\w.-]*)/.exec(body)?.[1]?.toLowerCase();
  if (root === "svg") return "svg";
  if (/^<!doctype\s+html/i.test(start)) return "html";
  if (root === "html" && declared) return "xhtml";
  if (declared) return "xml";
  return root !== undefined && pageRoots.has(root) ? "html" : "xml";
}

/** WHATWG MIME Sniffing §7.1. */
const pageRoots: ReadonlySet<string> = new Set(
  "html head script iframe h1 div font table a style title b body br p".split(" "),
);

const openings: Readonly<Record<string, RegExp>> = {
  "application/json": /^\ufeff?\s*(?:[[{"\-\d]|true|false|null)/,
  "text/calendar": /^\ufeff?\s*BEGIN:VCALENDAR/i,
  "text/vcard": /^\ufeff?\s*BEGIN:VCARD/i,
  "text/vtt": /^\ufeff?WEBVTT/,
};

/** Plain text may hold anything; markdown and PHP begin with tags as often as not. */
const anything: ReadonlySet<string> = new Set([
  "text/plain",
  "text/markdown",
  "text/html",
  "application/hta",
  "application/x-httpd-php",
]);

/** Whether a text that begins like this may be of a type. */
export function textMayBe(type: string, text: string, markup: Markup | undefined): boolean {
  if (anything.has(type)) return true;
  if (type === "image/svg+xml") return markup === "svg";
  if (type === "application/xhtml+xml") return markup === "xhtml" || markup === "html";
  if (type === "application/xml") return markup !== undefined;
  const opening = openings[type];
  if (opening) return opening.test(text);
  return markup === undefined || markup === "xml";
}
