/** Bytes of randomness in a kill code. */
export const KILL_CODE_BYTES = 20;

/** Crockford's base 32: no letter that is taken for a digit when it is read from paper. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The code as it is printed: 32 signs in groups of four. */
export function formatKillCode(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const signs = (bits.match(/.{5}/g) ?? []).map((five) => ALPHABET[Number.parseInt(five, 2)]).join("");
  return (signs.match(/.{4}/g) ?? []).join("-");
}

/** The 32 signs that are hashed, however the code was typed; undefined where it is none. */
export function readKillCode(text: string): string | undefined {
  const signs = text.toUpperCase().replace(/[\s-]/g, "").replaceAll("O", "0").replace(/[IL]/g, "1");
  return /^[0-9A-HJKMNP-TV-Z]{32}$/.test(signs) ? signs : undefined;
}
