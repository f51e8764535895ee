import { createPrivateKey, createPublicKey, generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

/** What messages are signed with (RFC 6376). */
export interface SigningKey {
  readonly selector: string;
  /** PKCS #8. */
  readonly pem: string;
}

/** RSA, since not every receiver knows Ed25519 (RFC 8463); of a size whose record fits. As one line: base64 of PKCS #8. */
export async function newDkimKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return privateKey.export({ format: "der", type: "pkcs8" }).toString("base64");
}

/** Throws where the line is no such key. */
export function readDkimKey(line: string, selector: string): SigningKey {
  const key = createPrivateKey({ key: Buffer.from(line, "base64"), format: "der", type: "pkcs8" });
  return { selector, pem: key.export({ format: "pem", type: "pkcs8" }) as string };
}

/** The TXT record by which receivers find the key (RFC 6376 §3.6.1). */
export function dkimRecord({ selector, pem }: SigningKey, domain: string): { name: string; value: string } {
  const key = createPublicKey(pem).export({ format: "der", type: "spki" }).toString("base64");
  return { name: `${selector}._domainkey.${domain}`, value: `v=DKIM1; k=rsa; p=${key}` };
}
