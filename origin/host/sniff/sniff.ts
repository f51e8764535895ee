import { type FileType, fileTypes } from "./file-types.ts";
import { detectMagic } from "./magic.ts";
import { findPolyglot } from "./polyglot.ts";
import { detectMarkup, detectText, hasPageTag, type Markup, textMayBe } from "./text.ts";
import { zipMayBe } from "./zip-kind.ts";

/** As many first bytes as `sniff` makes use of. */
export const sniffHeadBytes = 4096;

export interface Declared {
  /** The media type as the sender says it, with or without parameters. */
  readonly type?: string | undefined;
  /** The file's name. */
  readonly name?: string | undefined;
}

export interface Refusal {
  readonly code: "type-mismatch" | "name-mismatch" | "polyglot";
  /** For people. */
  readonly message: string;
}

export interface Sniffed {
  /** The media type to serve it with; "application/octet-stream" where nothing is certain. */
  readonly type: string;
  /** It must only be served as an attachment, from a host without cookies, in a sandbox: it may run something. */
  readonly inert: boolean;
  /** It must not be kept: it is not what it says it is. */
  readonly refused?: Refusal;
}

/** What senders say who do not know. */
const noClaim = new Set(["", "application/octet-stream", "binary/octet-stream", "application/unknown"]);

/**
 * Says what a file is by its first bytes, which its declared type and its name's extension must agree with. A file
 * that claims nothing (as encrypted attachments do) is never refused for what it is not. Empty files are inert.
 *
 * `head` is the file's start (`sniffHeadBytes` of it suffice), `tail` its last 65,557 bytes (as far from the end as
 * a zip may have its end record), without which a zip behind a picture goes unseen. Nothing is read, nothing thrown.
 */
export function sniff(head: Uint8Array, declared: Declared, tail?: Uint8Array): Sniffed {
  const claims = claimsOf(declared);
  const start = head.subarray(0, sniffHeadBytes);
  if (start.length === 0) return { type: claims.named?.[0]?.type ?? unknown.type, inert: true };

  const content = inspect(start);
  const agreed = content.possible.filter((row) => agrees(claims.typed, row) && agrees(claims.named, row));
  if (claims.named === undefined) {
    if (claims.typed === undefined && !content.certain) return unknown;
    // A type that nobody here has heard of: nothing to hold it against.
    if (claims.typed?.length === 0) return unknown;
  }
  const row = choose(agreed, claims, content);
  if (row === undefined) return { ...unknown, refused: refuse(claims, content) };

  const other = findPolyglot(row.magic, content.characters, asCharacters(tail ?? start.subarray(0, 0)));
  if (other !== undefined) {
    const message = `The file is ${row.type}, and could pass for ${other} as well.`;
    return { ...unknown, refused: { code: "polyglot", message } };
  }
  return { type: row.type, inert: !row.shown || content.active };
}

const unknown: Sniffed = { type: "application/octet-stream", inert: true };

interface Content {
  /** One character a byte. */
  readonly characters: string;
  /** The types that it may be. */
  readonly possible: readonly FileType[];
  /** Whether they are sure enough to go by for a file that claims nothing. */
  readonly certain: boolean;
  /** Text in which a browser could find a page, or a reader a PDF. */
  readonly active: boolean;
  readonly markup: Markup | undefined;
}

function inspect(start: Uint8Array): Content {
  const characters = asCharacters(start);
  const detected = detectMagic(characters);
  const text = detectText(start);
  // "MZ" and "GIF89a" may begin a sentence: only what is text by its nature goes before text.
  if (detected && (text === undefined || detected.magic === "pdf" || detected.magic === "rtf")) {
    const possible = fileTypes.filter(
      (row) => row.magic === detected.magic && (row.magic !== "zip" || zipMayBe(row.type, characters)),
    );
    return { characters, possible, certain: detected.certain, active: false, markup: undefined };
  }
  if (text === undefined) {
    return { characters, possible: [], certain: false, active: false, markup: undefined };
  }
  const markup = detectMarkup(text.text);
  const possible = fileTypes.filter((row) => row.magic === "text" && textMayBe(row.type, text.text, markup));
  const active = hasPageTag(text.text) || text.text.slice(0, 1024).includes("%PDF-");
  return { characters, possible, certain: text.certain, active, markup };
}

interface Claims {
  /** What was declared, in lower case and without parameters. */
  readonly type: string;
  readonly extension: string;
  /** The types that the declared one may mean, none for one that is not known; undefined when none is declared. */
  readonly typed: readonly FileType[] | undefined;
  /** The types that go by the name's extension; undefined when it says nothing. */
  readonly named: readonly FileType[] | undefined;
}

function claimsOf({ type = "", name = "" }: Declared): Claims {
  const declared = (type.split(";")[0] ?? "").trim().toLowerCase();
  const extension = /\.([^./\\]+)[. ]*$/.exec(name)?.[1]?.toLowerCase() ?? "";
  const named = fileTypes.filter((row) => row.extensions.includes(extension));
  return {
    type: declared,
    extension,
    typed: noClaim.has(declared) ? undefined : fileTypes.filter((row) => mayMean(declared, row)),
    named: named.length === 0 ? undefined : named,
  };
}

/** Some types are said of whole families: every text is text/plain, every docx a zip, every svg an XML. */
function mayMean(declared: string, row: FileType): boolean {
  if (isCalled(declared, row)) return true;
  const parent = fileTypes.find((one) => isCalled(declared, one))?.type;
  if (parent === "text/plain") return row.magic === "text";
  if (parent === "application/zip") return row.magic === "zip";
  if (parent === "application/xml")
    return row.type === "image/svg+xml" || row.type === "application/xhtml+xml";
  // A kind of text that nobody here has heard of.
  return parent === undefined && declared.startsWith("text/") && row.magic === "text";
}

const isCalled = (type: string, row: FileType): boolean => row.type === type || row.aliases.includes(type);

/** What claims nothing, or nothing that is known, agrees with everything. */
const agrees = (claimed: readonly FileType[] = [], row: FileType): boolean =>
  claimed.length === 0 || claimed.includes(row);

function choose(agreed: readonly FileType[], claims: Claims, { markup }: Content): FileType | undefined {
  const declared = agreed.find((row) => isCalled(claims.type, row));
  if (declared) return declared;
  const byMarkup = claims.named === undefined && markup && markupTypes[markup];
  return agreed.find((row) => row.type === byMarkup) ?? agreed[0];
}

const markupTypes: Readonly<Record<Markup, string>> = {
  html: "text/html",
  xhtml: "application/xhtml+xml",
  svg: "image/svg+xml",
  xml: "application/xml",
};

function refuse({ type, extension, typed, named }: Claims, { possible }: Content): Refusal {
  const found = possible[0] ? `is ${possible[0].type}` : "is of no known type";
  if (!possible.some((row) => agrees(typed, row))) {
    return { code: "type-mismatch", message: `The file is declared as ${type}, but its content ${found}.` };
  }
  if (!possible.some((row) => agrees(named, row))) {
    return {
      code: "name-mismatch",
      message: `The file's name ends in .${extension}, but its content ${found}.`,
    };
  }
  const message = `The file's name ends in .${extension}, but it is declared as ${type}.`;
  return { code: "name-mismatch", message };
}

function asCharacters(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
