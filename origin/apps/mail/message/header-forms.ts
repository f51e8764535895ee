import libmime from "libmime";
import parseAddressList, { type Address } from "nodemailer/lib/addressparser";
import type { HeaderField } from "./message.ts";

export interface EmailAddress {
  readonly name: string | null;
  readonly email: string;
}

export interface AddressGroup {
  /** Null of addresses that are in no group. */
  readonly name: string | null;
  readonly addresses: readonly EmailAddress[];
}

/** More addresses of one field are not taken apart: a list of ten thousand costs a second and tells nobody anything. */
const mostAddresses = 10_000;

/** RFC 8621 §4.1.2.2: unfolded, decoded (RFC 2047), normalised. */
export function asText(raw: string): string {
  return decode(unfold(raw).trim()).normalize("NFC");
}

/** RFC 8621 §4.1.2.3: groups are dissolved. */
export function asAddresses(raw: string): EmailAddress[] {
  return asGroupedAddresses(raw).flatMap((group) => group.addresses);
}

/** RFC 8621 §4.1.2.4. */
export function asGroupedAddresses(raw: string): AddressGroup[] {
  const groups: { name: string | null; addresses: EmailAddress[] }[] = [];
  for (const entry of parseAddressList(unfold(raw)).slice(0, mostAddresses)) {
    if ("group" in entry && entry.group !== undefined) {
      groups.push({ name: nameOf(entry.name) ?? "", addresses: entry.group.flatMap(addressOf) });
      continue;
    }
    let open = groups.at(-1);
    if (open?.name !== null) groups.push((open = { name: null, addresses: [] }));
    open.addresses.push(...addressOf(entry));
  }
  return groups;
}

/** RFC 8621 §4.1.2.5: without angle brackets; null where there is none. */
export function asMessageIds(raw: string): string[] | null {
  const ids = [...unfold(raw).matchAll(/<([^<>\s]+)>/g)].map(([, id = ""]) => id);
  if (ids.length > 0) return ids;
  // Older programs leave the brackets out.
  const bare = unfold(raw).trim();
  return /^[^\s<>@]+@[^\s<>@]+$/.test(bare) ? [bare] : null;
}

/** RFC 8621 §4.1.2.6: as RFC 3339 with the sender's own offset; null where it is no date. */
export function asDate(raw: string): string | null {
  const text = unfold(raw)
    .replaceAll(/\([^()]*\)/g, " ")
    .trim();
  const time = Date.parse(text);
  if (Number.isNaN(time)) return null;
  const [, sign = "+", hours = "00", minutes = "00"] = /([+-])(\d{2})(\d{2})\s*$/.exec(text) ?? [];
  const offset = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  const local = new Date(time + offset * 60_000);
  if (Number.isNaN(local.getTime())) return null;
  return local.toISOString().replace(/\.\d{3}Z$/, offset === 0 ? "Z" : `${sign}${hours}:${minutes}`);
}

/** RFC 8621 §4.1.2.7: the addresses of a List-* field; null where there is none. */
export function asUrls(raw: string): string[] | null {
  const urls = [...unfold(raw).matchAll(/<([^<>]*)>/g)].map(([, url = ""]) => url.replaceAll(/\s/g, ""));
  return urls.length > 0 ? urls : null;
}

/** The last field of that name, which is the one that counts (RFC 8621 §4.1.3); names are compared without case. */
export function lastField(headers: readonly HeaderField[], name: string): string | undefined {
  const wanted = name.toLowerCase();
  return headers.findLast((field) => field.name.toLowerCase() === wanted)?.value;
}

/** Every field of that name, in the order of the message. */
export function allFields(headers: readonly HeaderField[], name: string): string[] {
  const wanted = name.toLowerCase();
  return headers.filter((field) => field.name.toLowerCase() === wanted).map((field) => field.value);
}

/** RFC 5322 §2.2.3. */
function unfold(raw: string): string {
  return raw.replaceAll(/\r?\n(?=[ \t])/g, "").replaceAll(/[\r\n]+/g, " ");
}

function decode(text: string): string {
  try {
    return libmime.decodeWords(text);
  } catch {
    // A charset that nobody knows: the words stay as they were written.
    return text;
  }
}

function nameOf(name: string | undefined): string | null {
  const decoded = decode(name ?? "")
    .normalize("NFC")
    .trim();
  return decoded === "" ? null : decoded;
}

function addressOf(entry: Address): EmailAddress[] {
  const email = (entry.address ?? "").trim();
  const name = nameOf(entry.name);
  if (email === "" && name === null) return [];
  // RFC 8621 §4.1.2.3: what is no address is still shown, as it was written.
  return email === "" ? [{ name: null, email: name ?? "" }] : [{ name, email }];
}
