import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { writeNewFile } from "../storage/new-file.ts";
import type { Config } from "./config.ts";

/** A secret's file is missing or could be read by others. The message says what to do. */
export class SecretError extends Error {
  override name = "SecretError";
}

/** The secrets that a data folder may have, by file name, and what each is for. */
export const secretPurposes = {
  "edge-key": "signs every request between the edge and this origin",
  "tunnel-token": "lets cloudflared open the tunnel",
  "alert-token": "the access token of the ntfy topic",
  "alert-webhook-key": "signs what the alerts' webhook is sent",
  "cloudflare-list-token": "writes the block list of the Cloudflare account",
  "backup-signing-key": "signs the backups' manifests",
  "s3-secret": "the secret access key of the backups' S3 or R2 bucket",
  "mail-bucket-secret": "the secret access key of the bucket in which mail arrives",
  "mail-relay-password": "signs in at the relay by which mail leaves",
  "mail-dkim-key": "signs the mail that leaves, where the relay does not",
  "oidc-keys": "signs what apps are told of who signs in",
  "totp-key": "keeps the secrets of authenticator apps unreadable in the database",
} as const;
export type SecretName = keyof typeof secretPurposes;
export const secretNames = Object.keys(secretPurposes) as SecretName[];

/** Those that every data folder has; the others are there once their part is used. */
const needed = ["edge-key"] as const satisfies SecretName[];

export function secretFile(dataDir: string, name: SecretName): string {
  return join(dataDir, "secrets", name);
}

/** What an app of `[[oidc_client]]` proves itself with. */
export function clientSecretFile(dataDir: string, clientId: string): string {
  return join(dataDir, "secrets", `oidc-client-${clientId}`);
}

/** Makes the secrets that every folder needs and are not there yet; existing ones stay. Returns the names made. */
export function createSecrets(dataDir: string): SecretName[] {
  makeFolder(dataDir);
  return needed.filter((name) => createFile(secretFile(dataDir, name), `${newEdgeKey()}\n`));
}

/** `<keyid>.<base64url of 32 bytes>`: the form that both ends of the edge proof read. */
export function newEdgeKey(): string {
  return `k${randomBytes(4).toString("hex")}.${randomBytes(32).toString("base64url")}`;
}

/** Puts this content in the secret's place, all at once and on disk when it returns. A line end is added. */
export function writeSecret(dataDir: string, name: SecretName, content: string): void {
  write(dataDir, secretFile(dataDir, name), content);
}

/** The same for the secret of an app. */
export function writeClientSecret(dataDir: string, clientId: string, content: string): void {
  write(dataDir, clientSecretFile(dataDir, clientId), content);
}

function write(dataDir: string, path: string, content: string): void {
  makeFolder(dataDir);
  // What a write cut short left behind; O_EXCL then makes sure that nobody else put a file there meanwhile.
  rmSync(`${path}.new`, { force: true });
  if (!createFile(`${path}.new`, `${content}\n`)) {
    throw new SecretError(`${path}.new appeared while the secret was written. Find out what made it.`);
  }
  renameSync(`${path}.new`, path);
  const folder = openSync(join(dataDir, "secrets"), constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** False when the file is there already. */
function createFile(path: string, content: string): boolean {
  try {
    writeNewFile(path, content);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * The content of a secret, without its last line end. Throws SecretError when the file is missing, a link, no
 * plain file, of another owner, or open to the group or the world: a secret that others may have read is none.
 */
export function readSecret(dataDir: string, name: SecretName): string {
  const content = readOptionalSecret(dataDir, name);
  if (content !== undefined) return content;
  const remedy = needed.some((made) => made === name)
    ? 'Run "burrow init" to make it'
    : `Run "burrow rotate ${name}" to give it`;
  throw new SecretError(`The secret ${secretFile(dataDir, name)} is missing. ${remedy}.`);
}

/** As `readSecret`; undefined when there is no such file. */
export function readOptionalSecret(dataDir: string, name: SecretName): string | undefined {
  return readSafely(dataDir, secretFile(dataDir, name));
}

function readSafely(dataDir: string, path: string): string | undefined {
  checkFolder(join(dataDir, "secrets"));
  let file: number;
  try {
    // Not blocking: opening a pipe that nobody writes to would wait for ever.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP") throw new SecretError(`The secret ${path} is a link. Put the file itself there.`);
    throw new SecretError(`The secret ${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new SecretError(`The secret ${path} is no plain file. Put a file there.`);
    checkOwner(path, found.uid);
    if ((found.mode & 0o077) !== 0) {
      throw new SecretError(
        `The secret ${path} can be read by other users (mode ${(found.mode & 0o777).toString(8)}). If nobody has used that, run: chmod 600 "${path}"`,
      );
    }
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } finally {
    closeSync(file);
  }
}

/** The secrets of one process: each read once, checked, and known to the log's redactor before anything is done. */
export interface Secrets {
  /** One or two key lines, the newest first. */
  edgeKeys(): string[];
  /** Throws SecretError when it is missing or could be read by others. */
  read(name: SecretName): string;
  /** Undefined when it is missing; throws when it could be read by others. */
  readOptional(name: SecretName): string | undefined;
  /** Of an app of `[[oidc_client]]`; undefined when it is missing. */
  oidcClient(clientId: string): string | undefined;
}

/**
 * Reads all of them, and tells each to `log.hide`: what others could have read stops the start, whether it is used
 * now or by the next backup (K1). Throws SecretError.
 */
export function openSecrets(
  { dataDir, alerts, oidcClients }: Pick<Config, "dataDir" | "alerts" | "oidcClients">,
  log: { hide(secret: string): void },
): Secrets {
  for (const url of Object.values(alerts)) for (const part of partsOfUrl(url)) log.hide(part);
  const known = new Map<SecretName, string | undefined>();
  function readOptional(name: SecretName): string | undefined {
    if (!known.has(name)) {
      const content = readOptionalSecret(dataDir, name);
      if (content !== undefined) for (const part of partsToHide(content)) log.hide(part);
      known.set(name, content);
    }
    return known.get(name);
  }
  for (const name of secretNames) readOptional(name);
  const clientSecrets = new Map<string, string>();
  for (const { id } of oidcClients) {
    const content = readSafely(dataDir, clientSecretFile(dataDir, id));
    if (content === undefined) continue;
    log.hide(content);
    clientSecrets.set(id, content);
  }
  return {
    edgeKeys() {
      readOptional("edge-key");
      return readEdgeKeys(dataDir);
    },
    read: (name) => readOptional(name) ?? readSecret(dataDir, name),
    readOptional,
    oidcClient: (clientId) => clientSecrets.get(clientId),
  };
}

/** A secret may be quoted whole, by its lines, or without the name that stands before a dot. */
export function partsToHide(content: string): string[] {
  const lines = content.split("\n").map((line) => line.trim());
  return [
    content,
    ...lines,
    ...lines.map((line) => /^[a-z0-9-]{1,32}\.(.{16,})$/.exec(line)?.[1] ?? ""),
  ].filter((part) => part !== "");
}

/** One or two lines, the second only while a key is being exchanged. */
export function readEdgeKeys(dataDir: string): string[] {
  const lines = readSecret(dataDir, "edge-key")
    .split("\n")
    .filter((line) => line !== "");
  const wellFormed = lines.every((line) => /^[a-z0-9]{1,16}\.[A-Za-z0-9_-]{43}$/.test(line));
  if (lines.length < 1 || lines.length > 2 || !wellFormed) {
    throw new SecretError(
      `The secret ${secretFile(dataDir, "edge-key")} is damaged: it must hold one or two lines KEYID.KEY. Remove it and run "burrow init" for a new one, then hand that to the edge.`,
    );
  }
  return lines;
}

/** The address of a hook, and its path alone: what it is addressed to is no secret, what follows is. */
function partsOfUrl(url: string): string[] {
  if (url === "") return [];
  const { origin, pathname, search } = new URL(url);
  const path = `${pathname}${search}`.slice(1);
  return [`${origin}/${path}`, path].filter((part) => part !== "");
}

function makeFolder(dataDir: string): void {
  mkdirSync(join(dataDir, "secrets"), { recursive: true, mode: 0o700 });
  checkFolder(join(dataDir, "secrets"));
}

function checkFolder(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) throw new SecretError(`The folder ${path} is missing. Run "burrow init" to make it.`);
  if (!found.isDirectory()) throw new SecretError(`${path} is not a folder. Put the folder itself there.`);
  checkOwner(path, found.uid);
  if ((found.mode & 0o077) !== 0) {
    throw new SecretError(`The folder ${path} is open to other users. Run: chmod 700 "${path}"`);
  }
}

function checkOwner(path: string, uid: number): void {
  const self = process.getuid?.();
  if (self !== undefined && uid !== self) {
    throw new SecretError(
      `${path} belongs to the user ${uid}, and Burrow runs as ${self}. Run Burrow as its owner, or change the owner.`,
    );
  }
}
