import { canonicalTypedSecret, makeTypedSecret } from "../typed-secret.ts";
import { hashToken } from "../tokens.ts";
import type { KeyKind } from "./keys.ts";

/** Whoever finds one, and a leak scanner, sees what it is. */
const prefixes: Record<KeyKind, string> = { "api-key": "burrow_key_", "app-password": "burrow_app_" };

/** Whether somebody has typed an app password with its prefix where a password was asked for. */
export const isAppPassword = (input: string): boolean =>
  input.trim().toLowerCase().startsWith(prefixes["app-password"]);

/** Longer is none in any spelling. */
const longestInput = 200;

/** A fresh secret, and what is kept of it: of an API key 160 bits, of an app password, which people type, 140. */
export function makeKeySecret(kind: KeyKind): { secret: string; hash: Buffer } {
  const body = kind === "api-key" ? makeTypedSecret(8).replaceAll("-", "") : makeTypedSecret(7);
  const secret = prefixes[kind] + body;
  return { secret, hash: hashToken(prefixes[kind] + canonicalTypedSecret(body)) };
}

/** What would be kept of this secret. An app password may be typed without its prefix. Undefined: it is none of this kind. */
export function hashKeySecret(kind: KeyKind, input: string): Buffer | undefined {
  if (input.length > longestInput) return undefined;
  const prefix = prefixes[kind];
  const text = input.trim();
  const prefixed = text.toLowerCase().startsWith(prefix);
  if (!prefixed && kind === "api-key") return undefined;
  return hashToken(prefix + canonicalTypedSecret(prefixed ? text.slice(prefix.length) : text));
}
