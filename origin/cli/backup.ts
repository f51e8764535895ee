import type { KeyObject } from "node:crypto";
import { dirname, resolve } from "node:path";
import { type Backups, createBackups, ownVerifyKey } from "../host/backup/backup.ts";
import { missingPacks } from "../host/backup/backup-error.ts";
import { exportIdentity, readIdentity } from "../host/backup/backup-keys.ts";
import { verifyInBucket } from "../host/backup/compare-packs.ts";
import { findArchive } from "../host/backup/find-archive.ts";
import { coreArea } from "../host/backup/registry.ts";
import type { VerifiedArchive } from "../host/backup/unpack-archive.ts";
import { startBackupWorker } from "../host/backup/worker-client.ts";
import { createStderrLog } from "../host/log.ts";
import { restore } from "./backup-restore.ts";
import {
  type ArchiveSource,
  bucketOfOptions,
  bucketOptions,
  bucketUsage,
  dataFolderOf,
  findSource,
  withBucket,
} from "./backup-source.ts";
import { answer, type Command, type Invocation, textOption, UsageError } from "./command.ts";
import { withHost } from "./open-host.ts";
import { openConfig } from "./open-members.ts";
import { about, megabytes, progressBar, sentence } from "./describe-backup.ts";
import type { ProgressBar } from "./progress-bar.ts";

const create: Command = {
  name: "backup create",
  usage: "[--to FOLDER] [--whole]",
  summary: "Makes an encrypted backup now; --whole puts the blobs into the one file, too.",
  options: { to: { type: "string" }, whole: { type: "boolean" } },
  words: 0,
  async run(invocation) {
    const made = await withBackups(invocation, (backups, bar) =>
      backups.create({
        to: textOption(invocation, "to"),
        whole: invocation.options["whole"] === true,
        onProgress: ({ phase, done, total }) =>
          bar.show(phase, done, total, phase === "archive" ? "bytes" : "count"),
      }),
    );
    const { path, bytes, identity, sequence, blobs, newBlobs, newBlobBytes, damaged } = made;
    answer(invocation, { path, bytes, identity, sequence, blobs, newBlobs, newBlobBytes, damaged }, [
      path,
      `${megabytes(bytes)}, and ${newBlobs} new of ${blobs} blobs (${megabytes(newBlobBytes)}).`,
      ...damaged.map((blob) => `Left out, since its content is damaged on the disk: ${blob}`),
      ...(made.pruned.note === undefined ? [] : [made.pruned.note]),
      ...identityLines(identity),
    ]);
    return damaged.length > 0 ? 1 : 0;
  },
};

function identityLines(identity: string | null): string[] {
  if (identity === null) return [];
  return [
    "",
    `The identity, without which no backup can be restored, is still on this device: ${identity}`,
    "Take it away now, and keep it somewhere else: burrow backup export-identity FILE",
  ];
}

const verify: Command = {
  name: "backup verify",
  usage: `ARCHIVE|latest [--identity FILE] ${bucketUsage}`,
  summary: "Compares every byte of a backup with what was signed.",
  options: { identity: { type: "string" }, ...bucketOptions },
  words: 1,
  async run(invocation) {
    const identity = textOption(invocation, "identity");
    const keyOf = (): KeyObject =>
      identity === undefined ? ownVerifyKey(dataFolderOf(invocation)) : readIdentity(identity).verifyKey;
    const source = await findSource(invocation, invocation.positionals[0] ?? "", keyOf);
    const bar = progressBar(invocation);
    const show = (done: number, total: number): void => bar.show("verify", done, total, "bytes");
    const { archive, verified } = await verifySource(invocation, source, keyOf, show).finally(() =>
      bar.clear(),
    );
    if (verified.missing > 0) throw missingPacks(verified.missing, verified.manifest.packs.count);
    const { manifest } = verified;
    answer(invocation, { ok: true, archive, ...about(manifest) }, [
      `It is whole and unchanged. ${sentence(manifest)}`,
    ]);
    return 0;
  },
};

async function verifySource(
  invocation: Invocation,
  source: ArchiveSource,
  keyOf: () => KeyObject,
  onBytes: (done: number, total: number) => void,
): Promise<{ archive: string; verified: VerifiedArchive }> {
  if ("bucket" in source) {
    return withBucket(source.bucket, async (target) => {
      const archive = await findArchive(target, invocation.positionals[0] ?? "", keyOf());
      return { archive, verified: await verifyInBucket(target, archive, keyOf(), onBytes) };
    });
  }
  const { file } = source;
  const identity = textOption(invocation, "identity");
  // With the identity nothing of a data folder is needed: a backup can be checked where it is kept.
  const verified =
    identity === undefined
      ? await withBackups(invocation, (backups) => backups.verify(file, undefined, onBytes))
      : await verifyAlone(file, identity, onBytes);
  return { archive: file, verified };
}

async function verifyAlone(
  path: string,
  identity: string,
  onBytes: (done: number, total: number) => void,
): Promise<VerifiedArchive> {
  const { verifyKey } = readIdentity(identity);
  const worker = startBackupWorker();
  try {
    const input = { path, verifyKey, packFolders: [dirname(resolve(path))] };
    return await worker.run("verify", input, onBytes);
  } finally {
    await worker.close();
  }
}

const drill: Command = {
  name: "backup drill",
  usage: "[--to FOLDER]",
  summary: "Makes a backup and restores it for practice, without touching anything.",
  options: { to: { type: "string" } },
  words: 0,
  async run(invocation) {
    const done = await withBackups(invocation, (backups, bar) =>
      backups.drill({
        to: textOption(invocation, "to"),
        onProgress: ({ phase, done: far, total }) =>
          bar.show(phase, far, total, phase === "packs" ? "bytes" : "count"),
      }),
    );
    const { archive, files, databases, packs, packsCompared, identity } = done;
    answer(invocation, { ok: true, path: archive.path, files, databases, packs, packsCompared, identity }, [
      `${archive.path} opens: ${databases} databases and ${files} files are whole. Its ${archive.blobs} blobs are in ${packs} packs; ${packsCompared} of them were read back and are as they were signed.`,
      ...identityLines(identity),
    ]);
    return 0;
  },
};

const list: Command = {
  name: "backup list",
  usage: `[--to FOLDER] ${bucketUsage}`,
  summary: "Shows the backups that are kept.",
  options: { to: { type: "string" }, ...bucketOptions },
  words: 0,
  async run(invocation) {
    const to = textOption(invocation, "to");
    const bucket = await bucketOfOptions(invocation);
    if (bucket && to !== undefined) throw new UsageError("Give a folder or a bucket, not both.");
    const { target, archives } = bucket
      ? await withBucket(bucket, async (opened) => ({
          target: opened.description,
          archives: await opened.list(),
        }))
      : await withBackups(invocation, (backups) => backups.list(to));
    const lines = archives.map(({ name, bytes }) => `  ${name}  ${megabytes(bytes)}`);
    answer(invocation, { target, archives }, [
      `${archives.length} in ${target}${archives.length > 0 ? ":" : "."}`,
      ...lines,
    ]);
    return 0;
  },
};

const takeAway: Command = {
  name: "backup export-identity",
  usage: "FILE",
  summary: "Moves the backups' identity off this device, to a stick or a mounted folder.",
  words: 1,
  async run(invocation) {
    const { dataDir } = openConfig(invocation);
    const { path, sameDevice } = exportIdentity(dataDir, invocation.positionals[0] ?? "");
    answer(invocation, { path, sameDevice }, [
      `The identity is in ${path}, and no longer in the data folder.`,
      ...(sameDevice ? ["That is on the same disk: move it to another place, and remove it there."] : []),
    ]);
    return 0;
  },
};

export const backupCommands: readonly Command[] = [create, verify, restore, drill, list, takeAway];

/** Backups beside a running daemon: they share the lock and the history with its own. */
async function withBackups<T>(
  invocation: Invocation,
  work: (backups: Backups, bar: ProgressBar) => Promise<T>,
): Promise<T> {
  return withHost(invocation, async (database, config) => {
    const log = createStderrLog("warn");
    // Where no bucket is asked: HTTP takes as much memory as all else together.
    const outbound =
      config.backup.s3Url === ""
        ? undefined
        : (await import("../host/outbound/outbound.ts")).createOutbound({ config, log, now: Date.now });
    const areas = [coreArea];
    const backups = createBackups({ config, areas, database, outbound, log, now: Date.now });
    const bar = progressBar(invocation);
    try {
      return await work(backups, bar);
    } finally {
      bar.clear();
      await backups.close();
      await outbound?.close();
    }
  });
}
