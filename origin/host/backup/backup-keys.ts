import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { readOptionalSecret, writeSecret } from "../../config/secrets.ts";
import { diskFaultOf } from "../../storage/disk-fault.ts";
import { writeNewFile } from "../../storage/new-file.ts";
import { BackupError } from "./backup-error.ts";

/** What the device keeps: it can make backups and check them, and open none. */
export interface BackupKeys {
  /** 32 hex characters: names this server's line of backups. */
  readonly instance: string;
  /** `age1…`. */
  readonly recipient: string;
  readonly signingKey: KeyObject;
  readonly verifyKey: KeyObject;
}

/** What the owner keeps off the device: with an archive it gives everything. */
export interface BackupIdentity {
  /** `AGE-SECRET-KEY-1…`. */
  readonly identity: string;
  readonly verifyKey: KeyObject;
  readonly instance: string;
}

/** Where the first backup leaves the identity, for its owner to take away. */
export function identityFile(dataDir: string): string {
  return join(dataDir, "backup-identity.txt");
}

/** The identity, as long as it waits on this device to be taken away: no log may show it. */
export function readWaitingIdentity(dataDir: string): string | undefined {
  try {
    return /^AGE-SECRET-KEY-1[0-9A-Z]{58}$/m.exec(readFileSync(identityFile(dataDir), "utf8"))?.[0];
  } catch {
    return undefined;
  }
}

/** The keys; undefined before the first backup. Throws SecretError, or BackupError when the file is damaged. */
export function readBackupKeys(dataDir: string): BackupKeys | undefined {
  const text = readOptionalSecret(dataDir, "backup-signing-key");
  if (text === undefined) return undefined;
  const [instance = "", recipient = "", key = ""] = text.split("\n");
  try {
    if (!/^[0-9a-f]{32}$/.test(instance) || !/^age1[0-9a-z]{58}$/.test(recipient)) throw new Error("form");
    const signingKey = createPrivateKey({ key: Buffer.from(key, "base64url"), format: "der", type: "pkcs8" });
    return { instance, recipient, signingKey, verifyKey: createPublicKey(signingKey) };
  } catch (error) {
    throw new BackupError(
      "unusable",
      'The secret backup-signing-key is damaged. Run "burrow rotate backup-identity" for new backup keys; older backups stay readable with their own identity.',
      { cause: error },
    );
  }
}

/**
 * Makes new keys and leaves the identity for its owner. `pair` is a fresh age identity with its recipient. Throws
 * BackupError when an identity still waits to be taken away: it would be lost.
 */
export function createBackupKeys(
  dataDir: string,
  pair: { identity: string; recipient: string },
  about: { serverName: string; now: number },
): BackupKeys {
  const file = identityFile(dataDir);
  if (existsSync(file)) {
    throw new BackupError(
      "unusable",
      `${file} is still on this device. Take it away first: burrow backup export-identity FILE`,
    );
  }
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const instance = randomBytes(16).toString("hex");
  const key = privateKey.export({ format: "der", type: "pkcs8" }).toString("base64url");
  // The identity first: keys whose identity was never written would make backups that nobody can open.
  writeIdentity(file, identityText({ ...pair, instance, publicKey, ...about }));
  try {
    writeSecret(dataDir, "backup-signing-key", `${instance}\n${pair.recipient}\n${key}`);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
  const keys = readBackupKeys(dataDir);
  if (!keys) throw new BackupError("unusable", "The backup keys could not be written.");
  return keys;
}

/** An age identity file (lines with # are comments to age), so that `age -d -i` takes it too. */
function identityText(about: {
  identity: string;
  recipient: string;
  instance: string;
  publicKey: KeyObject;
  serverName: string;
  now: number;
}): string {
  const verify = about.publicKey.export({ format: "der", type: "spki" }).toString("base64url");
  return `# The identity of the backups of ${about.serverName}, made ${new Date(about.now).toISOString()}.
# Whoever has it and a backup can read everything. Keep it off the device: on paper, a USB stick, a password manager.
# Without it no backup can be restored.
# instance: ${about.instance}
# verify key: ${verify}
# recipient: ${about.recipient}
${about.identity}
`;
}

/** Reads what `createBackupKeys` left, wherever its owner keeps it. Throws BackupError. */
export function readIdentity(file: string): BackupIdentity {
  let text: string;
  try {
    if (statSync(file).size > 65_536) throw new Error("it is too long for an identity file");
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new BackupError("bad-identity", `${file} cannot be read: ${(error as Error).message}.`);
  }
  const identity = /^AGE-SECRET-KEY-1[0-9A-Z]{58}$/m.exec(text)?.[0];
  const instance = /^# instance: ([0-9a-f]{32})\s*$/m.exec(text)?.[1];
  const verify = /^# verify key: ([A-Za-z0-9_-]+)\s*$/m.exec(text)?.[1];
  if (identity === undefined || instance === undefined || verify === undefined) {
    throw new BackupError(
      "bad-identity",
      `${file} is no backup identity of Burrow: it needs the lines "# instance", "# verify key" and AGE-SECRET-KEY-1….`,
    );
  }
  try {
    const verifyKey = createPublicKey({ key: Buffer.from(verify, "base64url"), format: "der", type: "spki" });
    if (verifyKey.asymmetricKeyType !== "ed25519") throw new Error("not Ed25519");
    return { identity, instance, verifyKey };
  } catch (error) {
    throw new BackupError("bad-identity", `The verify key in ${file} is damaged.`, { cause: error });
  }
}

/**
 * Copies the identity to a file of its owner's, reads it back, and only then removes it from the data folder.
 * Throws BackupError when there is none, or the place is no other one.
 */
export function exportIdentity(dataDir: string, destination: string): { path: string; sameDevice: boolean } {
  const source = identityFile(dataDir);
  const path = resolve(destination);
  if (!existsSync(source)) {
    throw new BackupError(
      "missing",
      `There is no identity in ${dataDir}: it was taken away, or no backup was made yet.`,
    );
  }
  if (`${path}/`.startsWith(`${resolve(dataDir)}/`)) {
    throw new BackupError("unusable", "The identity must leave the data folder. Choose a file elsewhere.");
  }
  const text = readFileSync(source, "utf8");
  writeIdentity(path, text);
  if (readFileSync(path, "utf8") !== text) {
    throw new BackupError(
      "damaged",
      `${path} does not hold what was written. The identity stays where it was.`,
    );
  }
  const sameDevice = statSync(dirname(path)).dev === statSync(dataDir).dev;
  rmSync(source);
  return { path, sameDevice };
}

function writeIdentity(path: string, text: string): void {
  try {
    writeNewFile(path, text);
  } catch (error) {
    if (diskFaultOf(error)) throw error;
    throw new BackupError("unusable", `${path} cannot be made: ${(error as Error).message}.`);
  }
}
