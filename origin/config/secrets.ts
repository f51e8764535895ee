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
  writeSync,
} from "node:fs";
import { join } from "node:path";

/** A secret's file is missing or could be read by others. The message says what to do. */
export class SecretError extends Error {
  override name = "SecretError";
}

/** The secrets that a data folder has, by file name. */
export const secretNames = ["edge-key"] as const;
export type SecretName = (typeof secretNames)[number];

export function secretFile(dataDir: string, name: SecretName): string {
  return join(dataDir, "secrets", name);
}

/** Makes the secrets that are not there yet; existing ones stay as they are. Returns the names made. */
export function createSecrets(dataDir: string): SecretName[] {
  mkdirSync(join(dataDir, "secrets"), { recursive: true, mode: 0o700 });
  checkFolder(join(dataDir, "secrets"));
  return secretNames.filter((name) => createSecret(secretFile(dataDir, name), `${newEdgeKey()}\n`));
}

/** `<keyid>.<base64url of 32 bytes>`: the form that both ends of the edge proof read. */
function newEdgeKey(): string {
  return `k${randomBytes(4).toString("hex")}.${randomBytes(32).toString("base64url")}`;
}

/** False when the file is there already: O_EXCL, so that nothing is ever overwritten or followed. */
function createSecret(path: string, content: string): boolean {
  let file: number;
  try {
    file = openSync(path, "wx", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return true;
}

/**
 * The content of a secret, without its last line end. Throws SecretError when the file is missing, a link, of
 * another owner, or open to the group or the world: a secret that others may have read is none.
 */
export function readSecret(dataDir: string, name: SecretName): string {
  checkFolder(join(dataDir, "secrets"));
  const path = secretFile(dataDir, name);
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT")
      throw new SecretError(`The secret ${path} is missing. Run "burrow init" to make it.`);
    if (code === "ELOOP") throw new SecretError(`The secret ${path} is a link. Put the file itself there.`);
    throw new SecretError(`The secret ${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    const { mode, uid } = fstatSync(file);
    checkOwner(path, uid);
    if ((mode & 0o077) !== 0) {
      throw new SecretError(
        `The secret ${path} can be read by other users (mode ${(mode & 0o777).toString(8)}). If nobody has used that, run: chmod 600 "${path}"`,
      );
    }
    return readFileSync(file, "utf8").replace(/\n$/, "");
  } finally {
    closeSync(file);
  }
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
