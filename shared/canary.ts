const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** A canary: so many bytes at random, then so many of a mac over them. */
export const CANARY_BYTES = { random: 4, mac: 6 } as const;

/** One text that may be a canary: it is one where the mac is right. */
export interface CanaryCandidate {
  random: Uint8Array<ArrayBuffer>;
  mac: Uint8Array<ArrayBuffer>;
}

/** Ten bytes as sixteen characters of base32 (RFC 4648 §6): they pass for a key id or for a password. */
export function formatCanary(random: Uint8Array, mac: Uint8Array): string {
  const bytes = [...random, ...mac.subarray(0, CANARY_BYTES.mac)];
  const bits = bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return bits.replace(/[01]{5}/g, (five) => ALPHABET[Number.parseInt(five, 2)] ?? "");
}

// Of one case throughout: that is how decoys have it, and other tokens rarely do.
const CANDIDATE = /(?<![A-Za-z0-9])(?:AKIA)?([A-Z2-7]{16}|[a-z2-7]{16})(?![A-Za-z0-9])/g;
const MOST_CANDIDATES = 4;

/** What in a text may be a canary, as far as its form tells. Looks at the first 4,096 characters. */
export function findCanaryCandidates(text: string): CanaryCandidate[] {
  const found = [...text.slice(0, 4_096).matchAll(CANDIDATE)].slice(0, MOST_CANDIDATES);
  return found.map((match) => {
    const bits = Array.from((match[1] ?? "").toUpperCase())
      .map((character) => ALPHABET.indexOf(character).toString(2).padStart(5, "0"))
      .join("");
    const bytes = Uint8Array.from(bits.match(/[01]{8}/g) ?? [], (eight) => Number.parseInt(eight, 2));
    return { random: bytes.slice(0, CANARY_BYTES.random), mac: bytes.slice(CANARY_BYTES.random) };
  });
}
