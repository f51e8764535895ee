import { listBodies } from "../message/body-lists.ts";
import type { BodyPart, DecodedText, Message } from "../message/message.ts";
import { formatBlobId } from "./ids.ts";
import { parseHeaderProperty, readHeaderProperty } from "./header-property.ts";

/** RFC 8621 §4.2, the default of `bodyProperties`. */
export const usualBodyProperties: readonly string[] = [
  "partId",
  "blobId",
  "size",
  "name",
  "type",
  "charset",
  "disposition",
  "cid",
  "language",
  "location",
];

const partProperties = new Set([...usualBodyProperties, "headers", "subParts"]);

export const isBodyProperty = (name: string): boolean =>
  partProperties.has(name) || parseHeaderProperty(name) !== undefined;

/** Which body values are wanted, and how much of each. */
export interface BodyWish {
  readonly bodyProperties: readonly string[];
  readonly fetchTextBodyValues: boolean;
  readonly fetchHTMLBodyValues: boolean;
  readonly fetchAllBodyValues: boolean;
  /** 0: all of it. */
  readonly maxBodyValueBytes: number;
}

/** What of a message is needed to describe its body. */
export type ReadBody = Pick<Message, "root" | "texts">;

/** The body properties of an Email (RFC 8621 §4.1.4), each made only when it is asked for. */
export function bodyMakers(
  hash: string,
  read: () => ReadBody,
  wish: BodyWish,
): Readonly<Record<string, () => unknown>> {
  const describe = (part: BodyPart): object => describePart(hash, part, wish.bodyProperties);
  const lists = (): ReturnType<typeof listBodies> => listBodies(read().root);
  return {
    headers: () => read().root.headers,
    bodyStructure: () => describeTree(hash, read().root, wish.bodyProperties),
    textBody: () => lists().textBody.map(describe),
    htmlBody: () => lists().htmlBody.map(describe),
    attachments: () => lists().attachments.map(describe),
    bodyValues: () => bodyValues(read(), wish),
  };
}

function describeTree(hash: string, part: BodyPart, wanted: readonly string[]): object {
  const object = describePart(hash, part, wanted);
  if (part.subParts === null) return object;
  return { ...object, subParts: part.subParts.map((child) => describeTree(hash, child, wanted)) };
}

function describePart(hash: string, part: BodyPart, wanted: readonly string[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const name of wanted) {
    const header = parseHeaderProperty(name);
    if (header) object[name] = readHeaderProperty(part.headers, header);
    else if (name === "blobId") {
      object[name] = part.partId === null ? null : formatBlobId({ hash, partId: part.partId });
    } else if (name !== "subParts") object[name] = part[name as keyof BodyPart];
  }
  return object;
}

function bodyValues({ root, texts }: ReadBody, wish: BodyWish): Record<string, DecodedText> {
  const { textBody, htmlBody } = listBodies(root);
  const wanted = new Set<string>();
  const want = (parts: readonly BodyPart[]): void => {
    for (const { partId, type } of parts) if (partId !== null && type.startsWith("text/")) wanted.add(partId);
  };
  if (wish.fetchTextBodyValues) want(textBody);
  if (wish.fetchHTMLBodyValues) want(htmlBody);
  const all = wish.fetchAllBodyValues ? Object.keys(texts) : [...wanted];
  return Object.fromEntries(
    all.flatMap((id) => {
      const text = texts[id];
      return text ? [[id, cut(text, wish.maxBodyValueBytes)]] : [];
    }),
  );
}

/** RFC 8621 §4.2: not in the midst of a character, nor of a tag. */
function cut(text: DecodedText, most: number): DecodedText {
  const bytes = Buffer.from(text.value);
  if (most === 0 || bytes.length <= most) return text;
  let end = most;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  const value = bytes
    .subarray(0, end)
    .toString()
    .replace(/<[a-zA-Z/!][^>]{0,2000}$/, "");
  return { ...text, value, isTruncated: true };
}
