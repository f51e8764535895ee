import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import MimeNode from "nodemailer/lib/mime-node";
import type { EmailAddress } from "./header-forms.ts";

/** A header field that is to be written, in one of the forms of RFC 8621 §4.1.2. */
export interface NewField {
  readonly name: string;
  readonly value:
    | { readonly form: "raw"; readonly value: string }
    | { readonly form: "text"; readonly value: string }
    | {
        readonly form: "addresses";
        readonly value: readonly (
          | EmailAddress
          | { readonly name: string; readonly addresses: readonly EmailAddress[] }
        )[];
      }
    | { readonly form: "ids"; readonly value: readonly string[] }
    | { readonly form: "date"; readonly value: string }
    | { readonly form: "urls"; readonly value: readonly string[] };
}

/** A part that is to be written. */
export interface NewPart {
  readonly type: string;
  readonly name: string | null;
  readonly disposition: string | null;
  readonly cid: string | null;
  readonly charset: string | null;
  readonly language: readonly string[] | null;
  readonly location: string | null;
  readonly fields: readonly NewField[];
  readonly content: string | (() => Readable) | readonly NewPart[];
}

/** What a message is made of. `Date`, `Message-ID` and `MIME-Version` are added where they are not among the fields. */
export interface NewMessage {
  readonly fields: readonly NewField[];
  readonly root: NewPart;
}

/** The raw message as a stream. `domain`: of the message id that is made. */
export function composeMessage(
  { fields, root }: NewMessage,
  options: { domain: string; now: number },
): Readable {
  const node = new MimeNode(typeOf(root), { keepBcc: true, newline: "windows", ...nameOf(root) });
  writePart(node, root);
  for (const field of fields) addField(node, field);
  const has = (name: string): boolean => fields.some((field) => field.name.toLowerCase() === name);
  if (!has("message-id")) node.setHeader("Message-ID", `<${randomUUID()}@${options.domain}>`);
  if (!has("date")) node.setHeader("Date", formatDate(new Date(options.now).toISOString()));
  return node.createReadStream();
}

/** With its parameters, where the part has the field itself: `format=flowed`. A second one would make it unreadable. */
function typeOf({ type, fields, content }: NewPart): string {
  const given = Array.isArray(content) ? undefined : fields.find(isType);
  return given?.value.form === "raw" ? given.value.value.trim() : type;
}

const isType = ({ name }: NewField): boolean => name.toLowerCase() === "content-type";

function nameOf({ name }: NewPart): { filename?: string } {
  return name === null ? {} : { filename: name };
}

function writePart(node: MimeNode, part: NewPart): void {
  const { content, disposition, cid, language, location, charset, type } = part;
  for (const field of part.fields) if (!isType(field)) addField(node, field);
  if (disposition !== null) node.setHeader("Content-Disposition", disposition);
  else if (part.name !== null) node.setHeader("Content-Disposition", "attachment");
  if (cid !== null) node.setHeader("Content-ID", `<${cid}>`);
  if (language !== null) node.setHeader("Content-Language", language.join(", "));
  if (location !== null) node.setHeader("Content-Location", location);
  if (typeof content === "string") {
    node.setContent(content.replaceAll(/\r?\n/g, "\r\n"));
  } else if (typeof content === "function") {
    if (charset !== null && type.startsWith("text/"))
      node.setHeader("Content-Type", `${type}; charset=${charset}`);
    // As bytes: line ends of a text would be changed on the way, and a script that was attached would not run any more.
    if (type.startsWith("text/")) node.setHeader("Content-Transfer-Encoding", "base64");
    node.setContent(content());
  } else {
    for (const child of content) writePart(node.createChild(typeOf(child), nameOf(child)), child);
  }
}

/** Fields that the library writes by their own grammar, whatever they are given as. */
const addressFields = new Set(["from", "sender", "to", "cc", "bcc", "reply-to"]);
const idFields = new Set(["message-id", "in-reply-to", "references"]);

function addField(node: MimeNode, { name, value }: NewField): void {
  const key = name.toLowerCase();
  // As it was given, or written here already: it may be folded, and is not encoded again.
  const add = (text: string, foldLines = true): void => {
    if (addressFields.has(key) || idFields.has(key) || key === "date") node.addHeader(name, text);
    else node.addHeader(name, { prepared: true, foldLines, value: text });
  };
  switch (value.form) {
    case "raw":
      return add(value.value.trimStart(), false);
    case "text":
      return void node.addHeader(name, value.value.replaceAll(/\s*\r?\n\s*/g, " "));
    case "addresses":
      // Set, not added: of a list that is added the library makes a field for each address, and the last one is heeded.
      if (addressFields.has(key)) return void node.setHeader(name, asGiven(value.value));
      return add(formatAddresses(node, value.value));
    case "ids":
      return add(value.value.map((id) => `<${id}>`).join(" "));
    case "date":
      return add(formatDate(value.value));
    case "urls":
      return add(value.value.map((url) => `<${url}>`).join(", "));
  }
}

type AddressList = Extract<NewField["value"], { form: "addresses" }>["value"];

/** As a text, which the library takes apart and encodes: a list it would write as so many fields, and groups it would lose. */
function asGiven(list: AddressList): string {
  const quoted = (text: string): string =>
    `"${text.replaceAll(/[\r\n]/g, " ").replaceAll(/["\\]/g, "\\$&")}"`;
  const one = ({ name, email }: EmailAddress): string =>
    `${name === null ? "" : `${quoted(name)} `}<${email.replaceAll(/[\r\n<>]/g, " ")}>`;
  return list
    .map((entry) =>
      "email" in entry ? one(entry) : `${quoted(entry.name)}: ${entry.addresses.map(one).join(", ")};`,
    )
    .join(", ");
}

/** For fields that are none of the usual ones: names are encoded, and addresses stand as they are. */
function formatAddresses(node: MimeNode, list: AddressList): string {
  const plain = (text: string): string =>
    node.encodeHeaderValue("X-Text", text.replaceAll(/[\r\n<>:;,"]/g, " "));
  const one = ({ name, email }: EmailAddress): string => {
    const address = `<${email.replaceAll(/[\r\n<>]/g, " ")}>`;
    return name === null ? address : `${plain(name)} ${address}`;
  };
  return list
    .map((entry) =>
      "email" in entry ? one(entry) : `${plain(entry.name)}: ${entry.addresses.map(one).join(", ")};`,
    )
    .join(", ");
}

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** RFC 5322 §3.3, in the offset that the date bears. */
function formatDate(date: string): string {
  const [, sign = "+", hours = "00", minutes = "00"] = /([+-])(\d{2}):(\d{2})$/.exec(date) ?? [];
  const offset = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  const local = new Date(Date.parse(date) + offset * 60_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${days[local.getUTCDay()]}, ${local.getUTCDate()} ${months[local.getUTCMonth()]}`;
  const time = [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()].map(two).join(":");
  return `${day} ${local.getUTCFullYear()} ${time} ${sign}${hours}${minutes}`;
}
