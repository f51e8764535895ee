import type { Readable } from "node:stream";
import { Headers, type MimeNode, type SplitPiece } from "mailsplit";
import { BodySplitter } from "./body-splitter.ts";

/**
 * In the place of the library's own, which puts folded lines together one by one: a header of as many as fit took hours.
 * A field is a line and what is folded behind it (RFC 5322 §2.2.3).
 */
Headers.prototype._parseHeaders = function parseHeaders(this: Headers): void {
  const text = this.headers ? this.headers.toString("latin1").replace(/[\r\n]+$/, "") : "";
  const fields = text === "" ? [] : text.split(/\r?\n(?![ \t])/);
  // An mbox's own line is no field.
  if (/^From /i.test(fields[0] ?? "")) this.mbox = fields.shift() ?? "";
  this.lines = fields.map((field) => {
    const line = field.replaceAll(/\r?\n/g, "\r\n");
    return {
      key: line
        .slice(0, Math.max(0, line.indexOf(":")))
        .toLowerCase()
        .trim(),
      line,
    };
  });
  this.parsed = true;
};

/** Parts of one message, and bytes of the header of one of them. */
const mostParts = 1000;
const largestHead = 1024 * 1024;

/** The message's parts and their content, piece by piece; a message within it is one part. Throws EMAXLEN past the limits. */
export function splitMessage(raw: Readable): AsyncIterable<SplitPiece> {
  const splitter = new BodySplitter({
    ignoreEmbedded: true,
    maxHeadSize: largestHead,
    maxChildNodes: mostParts,
  });
  raw.on("error", (error) => splitter.destroy(error));
  return raw.pipe(splitter);
}

/** A multipart without a boundary or a kind has no parts that could be told apart. */
export function isMultipart(node: MimeNode): boolean {
  return (
    typeof node.multipart === "string" &&
    node._boundary !== false &&
    /^multipart\/./.test(node.contentType || "")
  );
}

/**
 * Gives each part its number as it comes, as IMAP has them: `1`, `2.1`; null for a multipart. The root of a multipart
 * has none that its parts would bear: its first part is 1.
 */
export function createPartNumbers(): (node: MimeNode) => string | null {
  const known = new Map<MimeNode, { path: string; children: number }>();
  return (node) => {
    const parent = node.parentNode ? known.get(node.parentNode) : undefined;
    const number = parent ? (parent.children += 1) : 1;
    const path = parent && parent.path !== "" ? `${parent.path}.${number}` : String(number);
    const isBranch = isMultipart(node);
    known.set(node, { path: parent || !isBranch ? path : "", children: 0 });
    return isBranch ? null : path;
  };
}
