import { randomBytes } from "node:crypto";

/** Crockford's base32: 32 letters and digits, five bits each, without those that are taken for others. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** A random secret that people can type: `groups` of four letters or digits, 20 bits each. */
export function makeTypedSecret(groups: number): string {
  const letters = Array.from(randomBytes(groups * 4), (byte) => alphabet[byte & 31]).join("");
  return (letters.match(/.{4}/g) ?? []).join("-");
}

/** The one spelling of what somebody typed or read out: o is 0, i and l are 1, dashes and spaces are nothing. */
export function canonicalTypedSecret(input: string): string {
  return input.toLowerCase().replaceAll(/[\s-]/g, "").replaceAll("o", "0").replaceAll(/[il]/g, "1");
}
