import type { EmailAddress } from "../message/header-forms.ts";
import type { NewField } from "../message/compose.ts";
import { isObject, isTexts } from "./arguments.ts";
import type { HeaderForm } from "./header-property.ts";
import { invalidProperties } from "./jmap-error.ts";

type Value = NewField["value"];

/** Addresses of one field of a message that is written. */
const mostAddresses = 1000;

/** A header field's value as a client gives it in one of the forms (RFC 8621 §4.1.2). Throws SetError. */
export function readHeaderValue(property: string, form: HeaderForm, value: unknown): Value {
  const wrong = (what: string): never => {
    throw invalidProperties(`${property} must be ${what}.`, property);
  };
  switch (form) {
    case "Raw":
      if (typeof value !== "string") return wrong("a text");
      // RFC 5322 §2.2.3: a line that goes on begins with a space; anything else would be another field.
      if (/\r?\n(?![ \t])|\r(?!\n)|\0/.test(value.trimEnd()))
        return wrong("one header field and not several");
      return { form: "raw", value: value.trimEnd() };
    case "Text":
      return typeof value === "string" ? { form: "text", value } : wrong("a text");
    case "Addresses":
      return { form: "addresses", value: readAddresses(value) ?? wrong("a list of addresses") };
    case "GroupedAddresses":
      return { form: "addresses", value: readGroups(value) ?? wrong("a list of groups of addresses") };
    case "MessageIds":
      if (!isTexts(value) || value.some((id) => /[\s<>]/.test(id) || id === ""))
        return wrong("a list of message ids, without angle brackets");
      return { form: "ids", value };
    case "Date":
      if (
        typeof value !== "string" ||
        !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(value)
      )
        return wrong("a date such as 2026-01-31T12:00:00+01:00");
      return Number.isNaN(Date.parse(value)) ? wrong("a date that there is") : { form: "date", value };
    case "URLs":
      if (!isTexts(value) || value.some((url) => /[\s<>]/.test(url))) return wrong("a list of URLs");
      return { form: "urls", value };
  }
}

function readAddresses(value: unknown): EmailAddress[] | undefined {
  if (!Array.isArray(value) || value.length > mostAddresses) return undefined;
  const addresses = value.map(readAddress);
  return addresses.every((address) => address !== undefined) ? addresses : undefined;
}

function readAddress(value: unknown): EmailAddress | undefined {
  if (!isObject(value)) return undefined;
  const { name = null, email } = value;
  if (typeof email !== "string" || !(name === null || typeof name === "string")) return undefined;
  return { name, email };
}

function readGroups(value: unknown): Extract<Value, { form: "addresses" }>["value"] | undefined {
  if (!Array.isArray(value) || value.length > mostAddresses) return undefined;
  const entries: (EmailAddress | { name: string; addresses: EmailAddress[] })[] = [];
  for (const group of value) {
    if (!isObject(group)) return undefined;
    const { name = null } = group;
    const addresses = readAddresses(group["addresses"]);
    if (!addresses || !(name === null || typeof name === "string")) return undefined;
    if (name === null) entries.push(...addresses);
    else entries.push({ name, addresses });
  }
  return entries;
}
