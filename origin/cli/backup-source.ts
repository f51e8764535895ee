import type { KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { devNull } from "node:os";
import { join } from "node:path";
import type { ParseArgsOptionDescriptor } from "node:util";
import type { Config } from "../config/config.ts";
import { chooseDataFolder } from "../config/data-folder.ts";
import { configFile, readConfig } from "../config/read-config.ts";
import { readOptionalSecret, readSecret, secretFile } from "../config/secrets.ts";
import { SettingError, settings, variableOf } from "../config/settings.ts";
import { backupFolder } from "../host/backup/backup.ts";
import { findArchive, latest } from "../host/backup/find-archive.ts";
import type { BucketTarget } from "../host/backup/target.ts";
import { openFolderTarget } from "../host/backup/target-folder.ts";
import { openS3Target } from "../host/backup/target-s3.ts";
import { workFolder } from "../host/backup/work-lock.ts";
import { createStderrLog } from "../host/log.ts";
import type { BucketSettings } from "../host/s3/s3-bucket.ts";
import { CommandError, type Invocation, textOption, UsageError } from "./command.ts";
import { openConfig } from "./open-members.ts";
import { readSecretInput } from "./read-password.ts";

/** What a command takes that reads from a bucket which no burrow.toml names. The secret is never an argument. */
export const bucketOptions = {
  bucket: { type: "string" },
  "key-id": { type: "string" },
  region: { type: "string" },
  "secret-stdin": { type: "boolean" },
} as const satisfies Record<string, ParseArgsOptionDescriptor>;
export const bucketUsage = "[--bucket URL --key-id ID --secret-stdin [--region R]]";

/** Where an archive is: a file of this machine, or in a bucket by its name. */
export type ArchiveSource = { readonly file: string } | { readonly bucket: Bucket };

export interface Bucket {
  readonly settings: BucketSettings;
  /** With the bucket as the one place where backups may go. */
  readonly config: Config;
  /** Undefined: every server's backups are looked at. */
  readonly serverName: string | undefined;
}

/**
 * What the word of a command means. With --bucket it is a name there; else a file, where there is such a file or the
 * word is a path; else a name where burrow.toml says that backups are. `latest` is the newest one, never a file.
 * `verifyKey` is asked for where a folder holds the backups.
 */
export async function findSource(
  invocation: Invocation,
  word: string,
  verifyKey: () => KeyObject,
): Promise<ArchiveSource> {
  const given = await bucketOfOptions(invocation);
  if (given) return { bucket: given };
  if (word !== latest && (word.includes("/") || existsSync(word))) return { file: word };
  const dataDir = dataFolderOf(invocation);
  if (!existsSync(configFile(dataDir))) {
    throw new CommandError(
      `There is no file ${word} here, and no ${configFile(dataDir)} that says where the backups are. Give the archive's path; or its name in a bucket, or "${latest}", with ${bucketUsage.slice(1, -1)}.`,
    );
  }
  const config = openConfig(invocation);
  if (config.backup.s3Url !== "") return { bucket: bucketOfConfig(config) };
  const folder = backupFolder(config);
  if (!existsSync(folder)) throw new CommandError(`There is no file ${word} here, and no folder ${folder}.`);
  const target = await openFolderTarget(folder, config.serverName);
  return { file: join(folder, await findArchive(target, word, verifyKey())) };
}

/** The bucket that the options name; undefined without --bucket. Throws UsageError. */
export async function bucketOfOptions(invocation: Invocation): Promise<Bucket | undefined> {
  const [url, keyId, region] = ["bucket", "key-id", "region"].map((name) => textOption(invocation, name));
  const isSecretGiven = invocation.options["secret-stdin"] === true;
  if (url === undefined) {
    if (keyId === undefined && region === undefined && !isSecretGiven) return undefined;
    throw new UsageError(`Name the bucket too: ${bucketUsage.slice(1, -1)}`);
  }
  if (keyId === undefined) throw new UsageError("Give the id of the bucket's access key: --key-id ID");
  checkUrl(url);
  const dataDir = dataFolderOf(invocation);
  const secret = isSecretGiven ? await readSecretInput(invocation.input, "secret") : secretOfFolder(dataDir);
  if (secret === undefined) {
    // Never as an argument: every process of the machine can read those.
    throw new UsageError("Pass the secret access key of the bucket on standard input: --secret-stdin");
  }
  const values = {
    // Nobody's: a configuration has one.
    server_name: "restore.invalid",
    "backup.s3_url": url,
    "backup.s3_key_id": keyId,
    ...(region !== undefined && { "backup.s3_region": region }),
  };
  const environment = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [variableOf(name), value]),
  );
  // Whatever burrow.toml may be there: it is about to be replaced, and may be what is broken.
  const config = readConfig({ dataDir, environment, file: devNull });
  return { ...describe(config, secret), serverName: undefined };
}

function checkUrl(url: string): void {
  try {
    if (settings["backup.s3_url"].read(url) === "") throw new SettingError("must not be empty");
  } catch (error) {
    if (error instanceof SettingError) throw new UsageError(`--bucket ${error.message}.`);
    throw error;
  }
}

function secretOfFolder(dataDir: string): string | undefined {
  return existsSync(secretFile(dataDir, "s3-secret")) ? readOptionalSecret(dataDir, "s3-secret") : undefined;
}

function bucketOfConfig(config: Config): Bucket {
  return { ...describe(config, readSecret(config.dataDir, "s3-secret")), serverName: config.serverName };
}

function describe(config: Config, secret: string): Omit<Bucket, "serverName"> {
  const { s3Url: url, s3Region: region, s3KeyId: keyId } = config.backup;
  return { config, settings: { url, region, keyId, secret } };
}

/** Opens the bucket for the time of the work; all that is sent goes by the table of what may leave. */
export async function withBucket<T>(
  { settings: bucket, config, serverName }: Bucket,
  work: (target: BucketTarget) => Promise<T>,
): Promise<T> {
  const log = createStderrLog("error");
  log.hide(bucket.secret);
  // Loaded here: HTTP takes as much memory as all else together.
  const { createOutbound } = await import("../host/outbound/outbound.ts");
  const outbound = createOutbound({ config, log, now: Date.now });
  try {
    const incoming = workFolder(config.dataDir);
    return await work(openS3Target({ settings: bucket, serverName, incoming, outbound }));
  } finally {
    await outbound.close();
  }
}

export function dataFolderOf(invocation: Invocation): string {
  return chooseDataFolder(textOption(invocation, "data"), invocation.environment);
}
