import { randomBytes } from "node:crypto";
import { statSync, utimesSync } from "node:fs";
import { newEdgeKey, readEdgeKeys, type SecretName, secretFile, writeSecret } from "./secrets.ts";

/** A secret cannot be exchanged so now. The message says what to do. */
export class RotateError extends Error {
  override name = "RotateError";
}

/** Those that are made by somebody else and are handed in, with what they look like. */
const given: Partial<Record<SecretName, { pattern: RegExp; form: string }>> = {
  "tunnel-token": { pattern: /^eyJ[\w+/=-]{40,}$/, form: "the long text that begins with eyJ" },
  "alert-token": { pattern: /^[\x21-\x7e]{8,512}$/, form: "an access token of ntfy, tk_…" },
  "cloudflare-list-token": {
    pattern: /^[\w-]{30,120}$/,
    form: "an API token of Cloudflare's that may edit account filter lists",
  },
  "s3-secret": { pattern: /^[\x21-\x7e]{16,512}$/, form: "the secret access key of the bucket" },
  "mail-bucket-secret": { pattern: /^[\x21-\x7e]{16,512}$/, form: "the secret access key of the bucket" },
  "mail-relay-password": { pattern: /^[^\p{Cc}]{4,512}$/u, form: "the password of the relay's account" },
};

/** Whether the new value comes from outside. */
export function isGiven(name: SecretName): boolean {
  return given[name] !== undefined;
}

/** Puts a value from outside in the secret's place. Throws RotateError when it has not the form of one. */
export function replaceSecret(dataDir: string, name: SecretName, value: string): void {
  const rule = given[name];
  if (!rule?.pattern.test(value)) {
    throw new RotateError(`That is no ${name}. It must be ${rule?.form ?? "one"}, in one line.`);
  }
  writeSecret(dataDir, name, value);
}

/** Makes a new key of 32 random bytes in the secret's place. */
export function renewSecret(dataDir: string, name: "alert-webhook-key"): void {
  writeSecret(dataDir, name, randomBytes(32).toString("base64url"));
}

/**
 * Begins the exchange of the edge's key: the new one is the first line and what the edge is to be given, the old
 * one stays good as the second. Returns the new key's id. Throws RotateError while an exchange is under way.
 */
export function beginEdgeKey(dataDir: string): string {
  const [current = "", ...others] = readEdgeKeys(dataDir);
  if (others.length > 0) {
    throw new RotateError(
      'An exchange of the edge key is under way: two keys are good. Run "burrow rotate edge-key --finish" first.',
    );
  }
  const next = newEdgeKey();
  writeSecret(dataDir, "edge-key", `${next}\n${current}`);
  return idOf(next);
}

/** Puts one fresh key in the place of those that there are, none of which is good any more. Returns its line. */
export function renewEdgeKey(dataDir: string): string {
  const line = newEdgeKey();
  writeSecret(dataDir, "edge-key", line);
  return line;
}

/**
 * Ends it: the old key is good no more. `inUse` is the id of the key that the edge was last seen to use. Returns
 * the id that went. Throws RotateError when there is nothing to end, or when it would lock the edge out.
 */
export function finishEdgeKey(dataDir: string, inUse: string | undefined, force: boolean): string {
  const [current = "", old] = readEdgeKeys(dataDir);
  if (old === undefined) {
    throw new RotateError('No exchange of the edge key is under way. "burrow rotate edge-key" begins one.');
  }
  if (inUse !== idOf(current) && !force) {
    throw new RotateError(
      `The edge was not seen to use the new key ${idOf(current)} yet. Hand it over, restart Burrow, open the public address once, and wait a minute; or add --force: what the edge still signs with the old key is then refused.`,
    );
  }
  const path = secretFile(dataDir, "edge-key");
  const { atime, mtime } = statSync(path);
  writeSecret(dataDir, "edge-key", current);
  // The file's time tells the key's age, and the key is as old as it was.
  utimesSync(path, atime, mtime);
  return idOf(old);
}

/** The part before the dot: no secret, it is in every signature. */
export function idOf(edgeKey: string): string {
  return edgeKey.slice(0, edgeKey.indexOf("."));
}
