import type { MailContext } from "../mail-context.ts";
import type { NewField, NewMessage, NewPart } from "../message/compose.ts";
import { newPart } from "../message/new-part.ts";
import { isObject, isTexts } from "./arguments.ts";
import { findBlob } from "./blobs.ts";
import { usualBodyProperties } from "./describe-body.ts";
import { type HeaderForm, parseHeaderProperty } from "./header-property.ts";
import { invalidProperties, SetError } from "./jmap-error.ts";
import { readHeaderValue } from "./read-header-value.ts";

/** The header fields that have a property of their own, and its form (RFC 8621 §4.1.3). */
const fieldOf: Readonly<Record<string, readonly [name: string, form: HeaderForm]>> = {
  messageId: ["Message-ID", "MessageIds"],
  inReplyTo: ["In-Reply-To", "MessageIds"],
  references: ["References", "MessageIds"],
  sender: ["Sender", "Addresses"],
  from: ["From", "Addresses"],
  to: ["To", "Addresses"],
  cc: ["Cc", "Addresses"],
  bcc: ["Bcc", "Addresses"],
  replyTo: ["Reply-To", "Addresses"],
  subject: ["Subject", "Text"],
  sentAt: ["Date", "Date"],
};

const bodyNames = new Set(["bodyStructure", "textBody", "htmlBody", "attachments", "bodyValues"]);
const partNames = new Set([...usualBodyProperties, "subParts"]);
/** What of an Email is no part of the message. */
const metadata = new Set(["mailboxIds", "keywords", "receivedAt"]);

const mostParts = 500;
const mostFields = 500;

/** What a client wants a message to be (RFC 8621 §4.6), with its blobs found. Throws SetError. */
export function readNewEmail(mail: MailContext, account: number, email: Record<string, unknown>): NewMessage {
  const given = Object.entries(email).filter(([name]) => !metadata.has(name) && !bodyNames.has(name));
  const fields = joinFields(
    given.map(([property, value]) => readField(property, value, false)),
    [],
  );
  return { fields, root: new BodyReader(mail, account, email, fields).read() };
}

/** The field that a property stands for; none where it is null, several where it says `:all`. Throws SetError. */
function readField(property: string, value: unknown, isPart: boolean): NewField[] {
  const own = isPart ? undefined : Object.hasOwn(fieldOf, property) ? fieldOf[property] : undefined;
  const header = own ? { name: own[0], form: own[1], all: false } : parseHeaderProperty(property);
  if (!header) throw invalidProperties(`${property} cannot be set.`, property);
  const { name, form, all } = header;
  const isContent = /^content-/i.test(name);
  if (isContent && !isPart)
    throw invalidProperties(`${property} belongs to a part of the body, not to the email.`, property);
  if (/^content-transfer-encoding$/i.test(name))
    throw invalidProperties("The server chooses the encoding.", property);
  if (value === null || value === undefined) return [];
  if (!all) return [{ name, value: readHeaderValue(property, form, value) }];
  if (!Array.isArray(value) || value.length > mostFields)
    throw invalidProperties(`${property} must be a list.`, property);
  return value.map((entry) => ({ name, value: readHeaderValue(property, form, entry) }));
}

/** Those of all properties: a field is given by one of them (RFC 8621 §4.6). Throws SetError. */
function joinFields(byProperty: readonly NewField[][], above: readonly NewField[]): NewField[] {
  const seen = new Set(above.map(({ name }) => name.toLowerCase()));
  for (const [first] of byProperty) {
    const name = first?.name.toLowerCase();
    if (name === undefined) continue;
    if (seen.has(name)) throw invalidProperties(`${first?.name} is given twice.`, `header:${first?.name}`);
    seen.add(name);
  }
  const fields = byProperty.flat();
  if (fields.length > mostFields) throw invalidProperties("There are too many header fields.");
  return fields;
}

class BodyReader {
  readonly #mail: MailContext;
  readonly #account: number;
  readonly #email: Record<string, unknown>;
  readonly #fields: readonly NewField[];
  readonly #values: Record<string, string>;
  readonly #missing: string[] = [];
  #parts = 0;

  constructor(
    mail: MailContext,
    account: number,
    email: Record<string, unknown>,
    fields: readonly NewField[],
  ) {
    this.#mail = mail;
    this.#account = account;
    this.#email = email;
    this.#fields = fields;
    this.#values = readBodyValues(email["bodyValues"]);
  }

  read(): NewPart {
    const root = this.#email["bodyStructure"] === undefined ? this.#assemble() : this.#structure();
    if (this.#missing.length > 0) {
      throw new SetError("blobNotFound", "A blob that the email names is not there, or not yours.", {
        notFound: this.#missing,
      });
    }
    return root;
  }

  #structure(): NewPart {
    const clash = ["textBody", "htmlBody", "attachments"].find((name) => this.#email[name] !== undefined);
    if (clash !== undefined)
      throw invalidProperties("bodyStructure says all of the body.", "bodyStructure", clash);
    return this.#part(this.#email["bodyStructure"], "bodyStructure", this.#fields);
  }

  /** A body from the lists: text and HTML are alternatives, what is shown inline goes with the HTML. */
  #assemble(): NewPart {
    const text = this.#only("textBody", "text/plain");
    const html = this.#only("htmlBody", "text/html");
    const attachments = this.#list("attachments").map((part) => this.#part(part, "attachments", []));
    const inline = attachments.filter(({ cid, disposition }) => cid !== null && disposition === "inline");
    const others = attachments.filter((part) => html === undefined || !inline.includes(part));
    const related = html && inline.length > 0 ? multipart("related", [html, ...inline]) : html;
    const bodies = [text, related].filter((part) => part !== undefined);
    const body =
      bodies.length > 1 ? multipart("alternative", bodies) : (bodies[0] ?? newPart("text/plain", ""));
    return others.length > 0 ? multipart("mixed", [body, ...others]) : body;
  }

  #list(name: string): unknown[] {
    const value = this.#email[name] ?? [];
    if (!Array.isArray(value)) throw invalidProperties(`${name} must be a list of parts.`, name);
    return value;
  }

  #only(name: "textBody" | "htmlBody", type: string): NewPart | undefined {
    if (this.#email[name] === undefined || this.#email[name] === null) return undefined;
    const list = this.#list(name);
    const [given] = list;
    const part = list.length === 1 && isObject(given) ? { type, ...given } : undefined;
    if (!part || part.type !== type)
      throw invalidProperties(`${name} must be one part of the type ${type}.`, name);
    return this.#part(part, name, []);
  }

  #part(given: unknown, at: string, above: readonly NewField[]): NewPart {
    this.#parts += 1;
    if (this.#parts > mostParts) throw invalidProperties("The body has too many parts.", at);
    if (!isObject(given)) throw invalidProperties(`${at} must be made of objects.`, at);
    if (Object.hasOwn(given, "headers"))
      throw invalidProperties("Header fields are set one by one.", `${at}/headers`);
    const fields = joinFields(
      Object.entries(given).flatMap(([name, value]) =>
        partNames.has(name) ? [] : [readField(name, value, true)],
      ),
      above,
    );
    const { subParts } = given;
    const hasParts = subParts !== undefined && subParts !== null;
    const type = readType(given["type"], hasParts, at);
    return {
      type,
      name: optionalText(given, "name", at),
      disposition: readDisposition(optionalText(given, "disposition", at), at),
      cid: optionalText(given, "cid", at)?.replaceAll(/[<>\s]/g, "") ?? null,
      charset: optionalText(given, "charset", at),
      language: readLanguage(given["language"], at),
      location: optionalText(given, "location", at),
      fields,
      content: hasParts ? this.#subParts(subParts, at) : this.#content(given, at),
    };
  }

  #subParts(subParts: unknown, at: string): NewPart[] {
    if (!Array.isArray(subParts)) throw invalidProperties("subParts must be a list.", `${at}/subParts`);
    return subParts.map((child, index) => this.#part(child, `${at}/subParts/${index}`, []));
  }

  #content(given: Record<string, unknown>, at: string): NewPart["content"] {
    const { partId, blobId } = given;
    if (typeof partId === "string" && (blobId === undefined || blobId === null)) {
      for (const name of ["charset", "size"]) {
        if (given[name] !== undefined && given[name] !== null)
          throw invalidProperties(
            `${name} goes without saying where the content is in bodyValues.`,
            `${at}/${name}`,
          );
      }
      const value = Object.hasOwn(this.#values, partId) ? this.#values[partId] : undefined;
      if (value === undefined) throw invalidProperties(`bodyValues has no ${partId}.`, `${at}/partId`);
      return value;
    }
    if (typeof blobId !== "string" || (partId !== undefined && partId !== null))
      throw invalidProperties("A part has either a partId or a blobId.", `${at}/partId`, `${at}/blobId`);
    const blob = findBlob(this.#mail, this.#account, blobId);
    if (!blob) this.#missing.push(blobId);
    return blob ? () => blob.open() : "";
  }
}

function multipart(kind: string, content: readonly NewPart[]): NewPart {
  return newPart(`multipart/${kind}`, content);
}

function readBodyValues(given: unknown): Record<string, string> {
  if (given === undefined || given === null) return {};
  if (!isObject(given)) throw invalidProperties("bodyValues must be an object.", "bodyValues");
  return Object.fromEntries(
    Object.entries(given).map(([id, body]) => {
      const { value, isEncodingProblem = false, isTruncated = false } = isObject(body) ? body : {};
      if (typeof value !== "string" || isEncodingProblem !== false || isTruncated !== false)
        throw invalidProperties("A body value must be a whole text.", `bodyValues/${id}`);
      return [id, value];
    }),
  );
}

function readType(type: unknown, hasParts: boolean, at: string): string {
  const usual = hasParts ? "multipart/mixed" : "text/plain";
  const given = type ?? usual;
  if (typeof given !== "string" || !/^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/i.test(given))
    throw invalidProperties("type must be a media type without parameters.", `${at}/type`);
  if (given.toLowerCase().startsWith("multipart/") !== hasParts)
    throw invalidProperties("A multipart has subParts, and nothing else has.", `${at}/type`);
  return given.toLowerCase();
}

function optionalText(given: Record<string, unknown>, name: string, at: string): string | null {
  const value = given[name] ?? null;
  if (value !== null && (typeof value !== "string" || /[\r\n\0]/.test(value)))
    throw invalidProperties(`${name} must be a text of one line.`, `${at}/${name}`);
  return value;
}

function readDisposition(disposition: string | null, at: string): string | null {
  if (disposition !== null && !/^[a-z0-9-]{1,32}$/i.test(disposition))
    throw invalidProperties("disposition must be a word.", `${at}/disposition`);
  return disposition?.toLowerCase() ?? null;
}

function readLanguage(value: unknown, at: string): string[] | null {
  if (value === undefined || value === null) return null;
  if (!isTexts(value) || value.some((tag) => !/^[A-Za-z0-9-]{1,64}$/.test(tag)))
    throw invalidProperties("language must be a list of language tags.", `${at}/language`);
  return value;
}
