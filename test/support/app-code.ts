import { totpCode, totpStep } from "../../origin/members/factors/totp-code.ts";

/** What an authenticator app shows at this instant for the secret (base32) that was typed into it. */
export function appCode(secret: string, at: number): string {
  return totpCode(secretBytes(secret), totpStep(at));
}

/** What the base32 of a secret says. */
export function secretBytes(secret: string): Uint8Array {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = Array.from(secret, (letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (eight) => Number.parseInt(eight, 2));
}
