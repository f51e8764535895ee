import { createPublicKey, verify } from "node:crypto";
import { canonicalJson } from "../events/canonical-json.ts";
import type { Json, JsonObject } from "../events/event.ts";

/** What a signature is taken over: the object without `signatures` and `unsigned` (Appendices §Signing JSON). */
export function signedText(object: JsonObject): string {
  const { signatures: _, unsigned: __, ...signed } = object;
  return canonicalJson(signed);
}

/** The signature that `userId`'s key (as `ed25519:ID`) put on the object; undefined where there is none. */
export function signatureBy(object: JsonObject, userId: string, keyId: string): string | undefined {
  const signature = member(member(object["signatures"], userId), keyId);
  return typeof signature === "string" ? signature : undefined;
}

/** Whether the signature is the ed25519 key's own over the object. Both are base64; odd ones are just wrong. */
export function isSignature(object: JsonObject, signature: string, publicKey: string): boolean {
  const x = Buffer.from(publicKey, "base64").toString("base64url");
  try {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return verify(null, Buffer.from(signedText(object)), key, Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
}

function member(value: Json | undefined, key: string): Json | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, key) ? value[key] : undefined;
}
