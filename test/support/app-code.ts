import { totpCode, totpStep } from "../../origin/members/factors/totp-code.ts";

/** What an authenticator app shows at this instant for the secret (base32) that was typed into it. */
export function appCode(secret: string, at: number): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = Array.from(secret, (letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const bytes = Uint8Array.from(bits.match(/.{8}/g) ?? [], (eight) => Number.parseInt(eight, 2));
  return totpCode(bytes, totpStep(at));
}
