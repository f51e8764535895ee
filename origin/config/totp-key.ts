import { randomBytes } from "node:crypto";
import { partsToHide, readOptionalSecret, SecretError, secretFile, writeSecret } from "./secrets.ts";

const name = "totp-key";

/**
 * The keys that the secrets of authenticator apps are sealed by: one a line, the newest first, the one before as long
 * as something may be sealed by it. Throws SecretError when others could have read them, or they are damaged.
 */
export function openTotpKeys(dataDir: string, log: { hide(secret: string): void }) {
  let known = read(readOptionalSecret(dataDir, name) ?? "");

  function read(content: string): readonly Buffer[] {
    for (const part of partsToHide(content)) log.hide(part);
    return readLines(content).map((line) => readKey(dataDir, line));
  }

  function put(line: string): Buffer {
    writeSecret(dataDir, name, line);
    known = read(line);
    return known[0] as Buffer;
  }

  return {
    all: () => known,
    newest: () => known[0] ?? put(makeKey()),
    dropOld(): void {
      const [line = "", ...old] = readLines(readOptionalSecret(dataDir, name) ?? "");
      // Not where an exchange was begun since the start: what is in force here is the old one by then.
      if (old.length > 0 && known[0]?.equals(readKey(dataDir, line))) put(line);
    },
  };
}

/** The content of the secret with a new key before the one that there is. Undefined while an exchange is under way. */
export function nextTotpKeys(before = ""): string | undefined {
  const lines = readLines(before);
  return lines.length > 1 ? undefined : [makeKey(), ...lines].join("\n");
}

const makeKey = (): string => randomBytes(32).toString("base64url");
const readLines = (content: string): string[] => content.split("\n").filter((line) => line !== "");

function readKey(dataDir: string, line: string): Buffer {
  if (/^[\w-]{43}$/.test(line)) return Buffer.from(line, "base64url");
  throw new SecretError(
    `The secret ${secretFile(dataDir, name)} is damaged: it must hold one or two lines of 43 characters. Restore it from a backup. Without it no authenticator app works: members sign in with a recovery code, or "burrow member reset-factors NAME" helps them.`,
  );
}
