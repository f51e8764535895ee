import { readWords } from "./read-lists.ts";
import { SettingError } from "./setting-error.ts";

/** Addresses in lower case, as they are compared. */
export function readMailAddresses(value: unknown): readonly string[] {
  const addresses = readWords(value).map((address) => address.toLowerCase());
  const strange = addresses.find((text) => !/^[^\s@]{1,64}@[^\s@]{1,253}$/.test(text));
  if (strange === undefined) return Object.freeze([...new Set(addresses)]);
  throw new SettingError(`has "${strange}", which is no address, such as "old@example.org"`);
}
