import type { KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import { partsToHide, readSecret, secretFile } from "../../config/secrets.ts";
import type { Database } from "../../storage/database.ts";
import type { Alerts } from "../alerts/alerts.ts";
import type { Log } from "../log.ts";
import { runningVersion } from "../version.ts";
import { openBackupHistory } from "./backup-history.ts";
import {
  type BackupKeys,
  createBackupKeys,
  identityFile,
  readBackupKeys,
  readIdentity,
  readWaitingIdentity,
} from "./backup-keys.ts";
import { BackupError, explainDisk } from "./backup-error.ts";
import {
  type BackupProgress,
  type CreatedArchive,
  createArchive,
  type CreateOptions,
} from "./create-archive.ts";
import { type DrillResult, rehearse } from "./drill.ts";
import { type Pruned, prune } from "./prune.ts";
import { type BackupArea, planBackup } from "./registry.ts";
import { startSchedule } from "./schedule.ts";
import type { BackupTarget, StoredArchive } from "./target.ts";
import { openFolderTarget } from "./target-folder.ts";
import { type BackupOutbound, openS3Target } from "./target-s3.ts";
import type { VerifiedArchive } from "./unpack-archive.ts";
import { lockWork, workFolder } from "./work-lock.ts";
import { type BackupWorker, startBackupWorker } from "./worker-client.ts";

export interface BackupRunOptions {
  /** A folder in the place of the configured target. */
  readonly to?: string | undefined;
  readonly whole?: boolean;
  readonly onProgress?: (progress: BackupProgress) => void;
  readonly onStep?: (step: string) => Promise<void> | void;
}

export interface CreatedBackup extends CreatedArchive {
  /** The file that must leave the device; null when it has. */
  readonly identity: string | null;
  readonly pruned: Pruned;
}

/** The backups of one data folder. Restoring is restore.ts: nothing may run on the folder then. */
export interface Backups {
  /** Throws BackupError; the failure is in the history. */
  create(options?: BackupRunOptions): Promise<CreatedBackup>;
  /** Makes a backup and restores it for practice. */
  drill(options?: BackupRunOptions): Promise<DrillResult & { identity: string | null }>;
  /** Compares an archive that is a file with what was signed; `identity`: where this is not the server that made it. */
  verify(
    archive: string,
    identity: string | undefined,
    onBytes?: (done: number, total: number) => void,
  ): Promise<VerifiedArchive>;
  list(to?: string): Promise<{ target: string; archives: StoredArchive[] }>;
  /** Makes backups by itself from now on, at the configured time. */
  schedule(alerts: Pick<Alerts, "raise" | "clear">): void;
  /** Interrupts what runs, as a kill would. */
  close(): Promise<void>;
}

/** `database` is host.db. `outbound` is needed where the target is a bucket. */
export function createBackups(options: {
  config: Config;
  areas: readonly BackupArea[];
  database: Database;
  outbound: BackupOutbound | undefined;
  log: Log;
  now: () => number;
}): Backups {
  const { config, areas, outbound, log, now } = options;
  const { dataDir, serverName } = config;
  const history = openBackupHistory(options.database);
  const underWay = new Set<BackupWorker>();
  hideIdentity();
  let closeSchedule = (): void => {};

  async function openTarget(to: string | undefined): Promise<BackupTarget> {
    if (to === undefined && config.backup.s3Url !== "") {
      if (!outbound) throw new BackupError("unusable", "The bucket cannot be reached from here.");
      const incoming = join(workFolder(dataDir), "outgoing");
      const { s3Url: url, s3Region: region, s3KeyId: keyId } = config.backup;
      const secret = readSecret(dataDir, "s3-secret");
      log.hide(secret);
      return openS3Target({ settings: { url, region, keyId, secret }, serverName, incoming, outbound });
    }
    return openFolderTarget(to === undefined ? backupFolder(config) : resolve(to), serverName);
  }

  async function withWorker<T>(work: (worker: BackupWorker) => Promise<T>): Promise<T> {
    const worker = startBackupWorker();
    underWay.add(worker);
    try {
      return await work(worker);
    } finally {
      underWay.delete(worker);
      await worker.close();
    }
  }

  async function ensureKeys(worker: BackupWorker): Promise<BackupKeys> {
    const known = readBackupKeys(dataDir);
    if (known) return known;
    const pair = await worker.run("newIdentity", null);
    const made = createBackupKeys(dataDir, pair, { serverName, now: now() });
    hideIdentity();
    for (const part of partsToHide(readSecret(dataDir, "backup-signing-key"))) log.hide(part);
    return made;
  }

  function hideIdentity(): void {
    const identity = readWaitingIdentity(dataDir);
    if (identity !== undefined) log.hide(identity);
  }

  /** One run of either kind: the lock, the keys, the history, and what is past its time. */
  async function run<T>(
    kind: "backup" | "drill",
    { to, whole, onProgress, onStep }: BackupRunOptions,
    work: (create: CreateOptions) => Promise<{ result: T; archive: CreatedArchive; detail: string }>,
  ): Promise<{ result: T; pruned: Pruned }> {
    const lock = lockWork(dataDir);
    try {
      const startedAt = now();
      const seq = await history.begin(kind, startedAt);
      try {
        return await withWorker(async (worker) => {
          const keys = await ensureKeys(worker);
          const target = await openTarget(to);
          const { result, archive, detail } = await work({
            dataDir,
            serverName,
            version: runningVersion,
            plan: planBackup(dataDir, areas),
            keys,
            target,
            history,
            worker,
            now,
            ...(whole && { whole }),
            ...(onProgress && { onProgress }),
            ...(onStep && { onStep }),
          });
          const { path, bytes, sequence, manifestHash } = archive;
          const kept = { path, bytes, sequence, manifestHash, instance: keys.instance };
          // A drill is a backup as well: the schedule and the doctor ask for the last of these.
          if (kind === "drill") {
            const twin = await history.begin("backup", startedAt);
            await history.end(twin, {
              ok: true,
              detail: "Made by the drill.",
              endedAt: now(),
              archive: kept,
            });
          }
          await history.end(seq, { ok: true, detail, endedAt: now(), archive: kept });
          await onStep?.("recorded");
          const retention = config.backup.keep;
          const pruned = await prune({
            target,
            keys,
            history,
            retention,
            now: now(),
            ...(onStep && { onStep }),
          });
          log.info("backup.made", { kind, path, bytes, newBlobs: archive.newBlobs, sequence });
          for (const damaged of archive.damaged) log.error("backup.damaged-blob", { path: damaged });
          return { result, pruned };
        });
      } catch (thrown) {
        const error = explainDisk(thrown);
        const detail = error instanceof Error ? error.message : String(error);
        await history.end(seq, { ok: false, detail, endedAt: now() }).catch(() => {});
        throw error;
      }
    } catch (error) {
      throw explainDisk(error);
    } finally {
      lock.release();
    }
  }

  const waitingIdentity = (): string | null =>
    existsSync(identityFile(dataDir)) ? identityFile(dataDir) : null;

  const backups: Backups = {
    async create(runOptions = {}) {
      const { result, pruned } = await run("backup", runOptions, async (create) => {
        const archive = await createArchive(create);
        return { result: archive, archive, detail: describe(archive) };
      });
      return { ...result, pruned, identity: waitingIdentity() };
    },
    async drill(runOptions = {}) {
      const { result } = await run("drill", runOptions, async (create) => {
        const done = await rehearse(create);
        const detail = `Restored for practice: ${done.databases} databases, ${done.files} files; ${done.packsCompared} of ${done.packs} packs of blobs compared.`;
        return { result: done, archive: done.archive, detail };
      });
      return { ...result, identity: waitingIdentity() };
    },
    verify(archive, identity, onBytes) {
      const verifyKey = identity === undefined ? ownVerifyKey(dataDir) : readIdentity(identity).verifyKey;
      const packFolders = [dirname(resolve(archive)), backupFolder(config)];
      return withWorker((worker) => worker.run("verify", { path: archive, verifyKey, packFolders }, onBytes));
    },
    async list(to) {
      const target = await openTarget(to);
      return { target: target.description, archives: await target.list() };
    },
    schedule(alerts) {
      if (config.backup.time === "off") return;
      const started = startSchedule({
        time: config.backup.time,
        history,
        run: async (what) => void (await backups[what === "drill" ? "drill" : "create"]()),
        alerts,
        log,
        now,
      });
      closeSchedule = () => started.close();
    },
    async close() {
      closeSchedule();
      await Promise.all([...underWay].map((worker) => worker.close()));
    },
  };
  return backups;
}

/** The key that checks this server's own backups. Throws BackupError where none was made yet. */
export function ownVerifyKey(dataDir: string): KeyObject {
  const keys = existsSync(secretFile(dataDir, "backup-signing-key")) ? readBackupKeys(dataDir) : undefined;
  if (keys) return keys.verifyKey;
  throw new BackupError(
    "bad-identity",
    "This data folder has no backup keys. Give the identity: burrow backup verify ARCHIVE --identity FILE",
  );
}

export function backupFolder(config: Config): string {
  const { folder } = config.backup;
  return folder === ""
    ? join(config.dataDir, "backups")
    : isAbsolute(folder)
      ? folder
      : join(config.dataDir, folder);
}

function describe(archive: CreatedArchive): string {
  const damaged = archive.damaged.length > 0 ? `, ${archive.damaged.length} damaged ones left out` : "";
  return `${archive.databases} databases, ${archive.blobs} blobs (${archive.newBlobs} new)${damaged}.`;
}
