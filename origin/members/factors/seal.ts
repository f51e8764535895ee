import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** Keys of 32 bytes, by which what cannot be kept as a hash is kept unreadable without them. */
export interface SealingKeys {
  /** The newest first; none where there never was one. */
  readonly all: () => readonly Uint8Array[];
  /** Made where there is none yet. Throws where it cannot be written. */
  readonly newest: () => Uint8Array;
  /** All but the newest are needed no more. */
  readonly dropOld: () => void;
}

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM (NIST SP 800-38D): nonce, what is sealed, tag. It opens for the same `about` only. */
export function seal(key: Uint8Array, about: string, content: Uint8Array): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(about));
  return Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined: sealed by another key, about something else, or changed since. */
export function unseal(key: Uint8Array, about: string, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < nonceBytes + tagBytes) return undefined;
  const end = sealed.length - tagBytes;
  const options = { authTagLength: tagBytes };
  const opened = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), options)
    .setAAD(Buffer.from(about))
    .setAuthTag(sealed.subarray(end));
  try {
    return Buffer.concat([opened.update(sealed.subarray(nonceBytes, end)), opened.final()]);
  } catch {
    return undefined;
  }
}
