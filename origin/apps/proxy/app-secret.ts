import { readFileSync, statSync } from "node:fs";
import type { ProxiedApp } from "../../config/proxied-app.ts";

/** The file of an app's secret cannot be used; the message says what to do. */
export class AppSecretError extends Error {
  override readonly name = "AppSecretError";
}

/** Fit for a field's value, and long enough that nobody guesses it. */
const secretPattern = /^[\x21-\x7e]{16,512}$/;

/** The secret that an app is shown, or undefined where it has none. Throws AppSecretError. */
export function readAppSecret({ secret }: ProxiedApp): string | undefined {
  if (!secret) return undefined;
  const { file } = secret;
  let text: string;
  try {
    if ((statSync(file).mode & 0o077) !== 0)
      throw new AppSecretError(`Others can read the secret in ${file}. Run: chmod 600 "${file}"`);
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    if (error instanceof AppSecretError) throw error;
    throw new AppSecretError(
      `The secret cannot be read (${(error as Error).message}). Run: (umask 077; openssl rand -hex 32 > "${file}")`,
    );
  }
  if (!secretPattern.test(text))
    throw new AppSecretError(`${file} must hold one line of 16 to 512 letters, digits and signs.`);
  return text;
}
