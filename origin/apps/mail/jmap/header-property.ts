import {
  allFields,
  asAddresses,
  asDate,
  asGroupedAddresses,
  asMessageIds,
  asText,
  asUrls,
  lastField,
} from "../message/header-forms.ts";
import type { HeaderField } from "../message/message.ts";

/** `header:NAME:asFORM:all` (RFC 8621 §4.1.3). */
export interface HeaderProperty {
  readonly name: string;
  readonly form: HeaderForm;
  readonly all: boolean;
}

export type HeaderForm = keyof typeof forms;

const forms = {
  Raw: (raw: string): unknown => raw,
  Text: asText,
  Addresses: asAddresses,
  GroupedAddresses: asGroupedAddresses,
  MessageIds: asMessageIds,
  Date: asDate,
  URLs: asUrls,
} as const;

const addressFields = ["from", "sender", "reply-to", "to", "cc", "bcc"];
const idFields = ["message-id", "in-reply-to", "references"];
const dateFields = ["date"];
const urlFields = [
  "list-help",
  "list-unsubscribe",
  "list-subscribe",
  "list-post",
  "list-owner",
  "list-archive",
];
const textFields = ["subject", "comments", "keywords", "list-id"];
/** Those of RFC 5322 and RFC 2369, each of which has the forms of its grammar and no other (RFC 8621 §4.1.2). */
const ownForms: Readonly<Record<string, readonly HeaderForm[]>> = Object.fromEntries([
  ...[
    ...addressFields,
    "resent-from",
    "resent-sender",
    "resent-reply-to",
    "resent-to",
    "resent-cc",
    "resent-bcc",
  ].map((name) => [name, ["Addresses", "GroupedAddresses"]]),
  ...[...idFields, "resent-message-id"].map((name) => [name, ["MessageIds"]]),
  ...[...dateFields, "resent-date"].map((name) => [name, ["Date"]]),
  ...urlFields.map((name) => [name, ["URLs"]]),
  ...textFields.map((name) => [name, ["Text"]]),
  ...["return-path", "received"].map((name) => [name, []]),
]) as Record<string, readonly HeaderForm[]>;

/** Undefined for what is no such property, or a form that the field cannot be read in. */
export function parseHeaderProperty(property: string): HeaderProperty | undefined {
  const [, name, form = "Raw", all] =
    /^header:([\x21-\x39\x3b-\x7e]+?)(?::as([A-Za-z]+))?(:all)?$/.exec(property) ?? [];
  if (name === undefined || !isForm(form)) return undefined;
  const own = ownForms[name.toLowerCase()];
  if (form !== "Raw" && own !== undefined && !own.includes(form)) return undefined;
  return { name, form, all: all !== undefined };
}

const isForm = (form: string): form is HeaderForm => Object.hasOwn(forms, form);

/** Its value in a header: null where there is no such field; a list of all of them where that was asked for. */
export function readHeaderProperty(
  headers: readonly HeaderField[],
  { name, form, all }: HeaderProperty,
): unknown {
  const read = forms[form];
  if (all) return allFields(headers, name).map((raw) => read(raw));
  const raw = lastField(headers, name);
  return raw === undefined ? null : read(raw);
}
