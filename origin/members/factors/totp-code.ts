import { createHmac } from "node:crypto";

/** RFC 6238 with the values that every authenticator app takes: SHA-1, six digits, steps of 30 seconds from 1970. */
const stepMs = 30_000;
const digits = 6;

/** The step that this instant (Unix ms) lies in. */
export const totpStep = (at: number): number => Math.floor(at / stepMs);

/** The code of one step (RFC 4226 §5.3: dynamic truncation). */
export function totpCode(secret: Uint8Array, step: number, length = digits): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", secret).update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 0xf;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** length).padStart(length, "0");
}

/** RFC 4648 base32 without padding, as authenticator apps take a secret that is typed in. */
export function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  return (bits.match(/.{1,5}/g) ?? [])
    .map((five) => alphabet[Number.parseInt(five.padEnd(5, "0"), 2)])
    .join("");
}
