import type { MimeNode } from "mailsplit";
import type { Readable } from "node:stream";
import { fieldsOf } from "../mailbox/email-fields.ts";
import { listBodies } from "./body-lists.ts";
import { asText, asUrls, lastField } from "./header-forms.ts";
import { htmlToText } from "./html-to-text.ts";
import { decodeText } from "./decode-text.ts";
import {
  type BodyPart,
  type DecodedText,
  type HeaderField,
  longestText,
  type Message,
  UnreadableMessageError,
} from "./message.ts";
import { createPartNumbers, splitMessage } from "./split-message.ts";

/** Characters of all text parts together that the search takes in. */
const longestSearched = 512 * 1024;
/** RFC 8621 §4.1.4, "preview". */
const longestPreview = 256;

interface OpenPart {
  readonly node: MimeNode;
  readonly partId: string | null;
  readonly children: OpenPart[];
  readonly body: PartBody | undefined;
}

/**
 * Reads a message in one pass, holding no more of it than its text. What is no message by the letter (bare line feeds,
 * eight-bit headers, broken nesting) is read as far as it goes; throws UnreadableMessageError where that is nowhere.
 */
export async function readMessage(raw: Readable): Promise<Message> {
  const root = await split(raw);
  const texts: Record<string, DecodedText> = {};
  const part = await closePart(root, texts);
  const { textBody, attachments } = listBodies(part);
  const plain = (id: string | null, type: string): string => {
    const text = id === null ? undefined : texts[id]?.value;
    return text === undefined ? "" : type === "text/html" ? htmlToText(text) : text;
  };
  const read = textBody.map(({ partId, type }) => plain(partId, type)).join("\n");
  return {
    root: part,
    texts,
    preview: previewOf(read),
    hasAttachment: attachments.some(({ disposition, cid }) => disposition !== "inline" || cid === null),
    searchText: searchTextOf(part, plain),
    fields: fieldsOf(part.headers),
  };
}

async function split(raw: Readable): Promise<OpenPart> {
  const numberOf = createPartNumbers();
  const parts = new Map<MimeNode, OpenPart>();
  const room = { octets: largestTexts };
  let root: OpenPart | undefined;
  try {
    for await (const piece of splitMessage(raw)) {
      if (piece.type === "node") {
        const part = openPart(piece, numberOf(piece), parts, room);
        root ??= part;
      } else if (piece.value !== undefined) {
        await parts.get(piece.node)?.body?.write(piece.value);
      }
    }
  } catch (error) {
    if ((error as { code?: string }).code !== "EMAXLEN") throw error;
    throw new UnreadableMessageError(
      "too-costly",
      "The message has too many parts, or a header of over 1 MiB.",
    );
  }
  if (!root) throw new UnreadableMessageError("no-message", "There is no header in it.");
  return root;
}

function openPart(
  node: MimeNode,
  partId: string | null,
  parts: Map<MimeNode, OpenPart>,
  room: { octets: number },
): OpenPart {
  const part = { node, partId, children: [], body: partId === null ? undefined : createPartBody(node, room) };
  parts.set(node, part);
  if (node.parentNode) parts.get(node.parentNode)?.children.push(part);
  return part;
}

/** A leaf's content on its way through the decoder: counted, and kept where it is text. */
interface PartBody {
  write(bytes: Buffer): Promise<void>;
  end(): Promise<{ size: number; kept: Buffer; isCut: boolean }>;
}

/** Octets of a text part that are kept for its `longestText` characters, and of all of a message's. */
const largestText = 4 * longestText;
const largestTexts = 4 * largestText;

function createPartBody(node: MimeNode, room: { octets: number }): PartBody {
  const decoder = node.getDecoder();
  // A multipart without a boundary is shown as plain text.
  const isText = /^(?:text|multipart)\//.test(node.contentType || "");
  const kept: Buffer[] = [];
  let size = 0;
  let keptSize = 0;
  decoder.on("data", (bytes: Buffer) => {
    if (isText && size < largestText && room.octets > 0) {
      kept.push(bytes);
      room.octets -= bytes.length;
      keptSize += bytes.length;
    }
    size += bytes.length;
  });
  const done = new Promise<void>((resolve, reject) => {
    decoder.once("end", resolve);
    decoder.once("error", reject);
  });
  done.catch(() => {});
  return {
    async write(bytes) {
      if (!decoder.write(bytes)) await new Promise((resolve) => decoder.once("drain", resolve));
    },
    async end() {
      decoder.end();
      await done;
      return { size, kept: Buffer.concat(kept), isCut: size > keptSize };
    },
  };
}

async function closePart(part: OpenPart, texts: Record<string, DecodedText>): Promise<BodyPart> {
  const { node, partId, children } = part;
  const body = await part.body?.end();
  const headers = headersOf(node);
  const type = typeOf(node, part);
  const subParts: BodyPart[] = [];
  for (const child of children) subParts.push(await closePart(child, texts));
  const charset =
    type.startsWith("text/") && partId !== null ? node.charset || "us-ascii" : node.charset || null;
  if (body && partId !== null && type.startsWith("text/")) {
    const decoded = decodeText(body.kept, node.charset || undefined);
    texts[partId] = { ...decoded, isTruncated: decoded.isTruncated || body.isCut };
  }
  const location = lastField(headers, "content-location");
  const language = lastField(headers, "content-language");
  return {
    partId,
    headers,
    type,
    charset,
    disposition: node.disposition || null,
    name: node.filename ? node.filename.normalize("NFC") : null,
    cid: cidOf(headers),
    language: language === undefined ? null : asText(language).split(/\s*,\s*/),
    location: location === undefined ? null : asText(location),
    size: body?.size ?? 0,
    subParts: partId === null ? subParts : null,
  };
}

/** A multipart without a boundary has no parts that could be told apart: it is shown as plain text. */
function typeOf(node: MimeNode, part: OpenPart): string {
  const type = node.contentType || "text/plain";
  if (part.partId !== null && type.startsWith("multipart/")) return "text/plain";
  return /^[^/\s]+\/[^/\s]+$/.test(type) ? type : "application/octet-stream";
}

function cidOf(headers: readonly HeaderField[]): string | null {
  const field = lastField(headers, "content-id");
  if (field === undefined) return null;
  return asUrls(field)?.[0] ?? asText(field);
}

function headersOf(node: MimeNode): HeaderField[] {
  return node.headers.getList().flatMap(({ line }) => {
    const text = Buffer.from(line, "latin1").toString("utf8");
    const colon = text.indexOf(":");
    if (colon <= 0) return [];
    return [{ name: text.slice(0, colon).trim(), value: text.slice(colon + 1).replace(/\r?\n$/, "") }];
  });
}

function previewOf(text: string): string {
  const unquoted = text.replaceAll(/^[^\S\n]*>.*$/gm, " ");
  const line = (/\S/.test(unquoted) ? unquoted : text)
    .slice(0, 8 * longestPreview)
    .replaceAll(/\s+/g, " ")
    .trim();
  // Not in the midst of a character.
  return line.slice(0, longestPreview).replace(/[\ud800-\udbff]$/, "");
}

function searchTextOf(part: BodyPart, plain: (id: string | null, type: string) => string): string {
  const found: string[] = [];
  let length = 0;
  const visit = (at: BodyPart): void => {
    if (length >= longestSearched) return;
    for (const child of at.subParts ?? []) visit(child);
    if (!/^text\/(?:plain|html)$/.test(at.type)) return;
    const text = plain(at.partId, at.type).slice(0, longestSearched - length);
    length += text.length;
    found.push(text);
  };
  visit(part);
  return found.join("\n");
}
