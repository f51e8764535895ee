import { dirname, resolve } from "node:path";
import { chooseDataFolder } from "../config/data-folder.ts";
import { type Backups, createBackups } from "../host/backup/backup.ts";
import { exportIdentity, readIdentity } from "../host/backup/backup-keys.ts";
import type { Manifest } from "../host/backup/manifest.ts";
import { coreArea } from "../host/backup/registry.ts";
import { restoreArchive } from "../host/backup/restore.ts";
import { missingPacks } from "../host/backup/backup-error.ts";
import { startBackupWorker } from "../host/backup/worker-client.ts";
import { createStderrLog } from "../host/log.ts";
import { answer, type Command, type Invocation, textOption, UsageError } from "./command.ts";
import { withHost } from "./open-host.ts";
import { openConfig } from "./open-members.ts";
import { createProgressBar, type ProgressBar } from "./progress-bar.ts";

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
  usage: "ARCHIVE [--identity FILE]",
  summary: "Compares every byte of a backup with what was signed.",
  options: { identity: { type: "string" } },
  words: 1,
  async run(invocation) {
    const [archive = ""] = invocation.positionals;
    const identity = textOption(invocation, "identity");
    const bar = progressBar(invocation);
    const work = (backups: Backups) =>
      backups.verify(archive, identity, (done, total) => bar.show("verify", done, total, "bytes"));
    // With the identity nothing of a data folder is needed: a backup can be checked where it is kept.
    const verified =
      identity === undefined
        ? await withBackups(invocation, work)
        : await verifyAlone(archive, identity, bar);
    if (verified.missing > 0) throw missingPacks(verified.missing, verified.manifest.packs.count);
    const { manifest } = verified;
    answer(invocation, { ok: true, ...about(manifest) }, [
      `It is whole and unchanged. ${sentence(manifest)}`,
    ]);
    return 0;
  },
};

async function verifyAlone(path: string, identity: string, bar: ProgressBar) {
  const { verifyKey } = readIdentity(identity);
  const worker = startBackupWorker();
  try {
    const input = { path, verifyKey, packFolders: [dirname(resolve(path))] };
    return await worker.run("verify", input, (done, total) => bar.show("verify", done, total, "bytes"));
  } finally {
    bar.clear();
    await worker.close();
  }
}

const restore: Command = {
  name: "backup restore",
  usage: "ARCHIVE --identity FILE [--yes]",
  summary: "Checks a backup and says what it would restore; with --yes it does. Burrow must be stopped.",
  options: { identity: { type: "string" }, yes: { type: "boolean" } },
  words: 1,
  async run(invocation) {
    const identity = textOption(invocation, "identity");
    if (identity === undefined) {
      throw new UsageError("Give the identity that you took away when the backups began: --identity FILE");
    }
    const { knownDatabases } = await import("../known-databases.ts");
    const bar = progressBar(invocation);
    const worker = startBackupWorker();
    try {
      const report = await restoreArchive({
        dataDir: chooseDataFolder(textOption(invocation, "data"), invocation.environment),
        archive: invocation.positionals[0] ?? "",
        identityFile: identity,
        databases: knownDatabases,
        worker,
        now: Date.now,
        write: invocation.options["yes"] === true,
        onProgress: (phase, done, total) => bar.show(phase, done, total, "bytes"),
      });
      bar.clear();
      const { written, manifest, files, blobs, bytes, replaced } = report;
      answer(invocation, { written, ...about(manifest), files, blobs, restoredBytes: bytes, replaced }, [
        `${sentence(manifest)} It unpacks to ${files} files and ${blobs} blobs, ${megabytes(bytes)}.`,
        ...(written ? doneLines(replaced?.kept) : plannedLines(replaced?.names)),
      ]);
      return 0;
    } finally {
      bar.clear();
      await worker.close();
    }
  },
};

function doneLines(kept: string | undefined): string[] {
  return [
    "Restored. Everybody has to sign in again, and open invites have ended.",
    ...(kept === undefined ? [] : [`What was there before is in ${kept}: remove it when all is well.`]),
    'Next: "burrow doctor", then "burrow up".',
  ];
}

function plannedLines(names: readonly string[] | undefined): string[] {
  return [
    "Nothing was written: this was the trial, and all of the backup is good.",
    ...(names === undefined ? [] : [`It would replace, and keep a copy of: ${names.join(", ")}.`]),
    "To do it, give --yes.",
  ];
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
        onProgress: ({ phase, done: far, total }) => bar.show(phase, far, total, "count"),
      }),
    );
    const { archive, files, databases, packsCompared, identity } = done;
    answer(invocation, { ok: true, path: archive.path, files, databases, packsCompared, identity }, [
      `${archive.path} opens: ${databases} databases and ${files} files are whole, and of its ${archive.blobs} blobs ${packsCompared} packs are as they were signed.`,
      ...identityLines(identity),
    ]);
    return 0;
  },
};

const list: Command = {
  name: "backup list",
  usage: "[--to FOLDER]",
  summary: "Shows the backups that are kept.",
  options: { to: { type: "string" } },
  words: 0,
  async run(invocation) {
    const { target, archives } = await withBackups(invocation, (backups) =>
      backups.list(textOption(invocation, "to")),
    );
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

function progressBar(invocation: Invocation): ProgressBar {
  return createProgressBar(process.stderr, !invocation.json);
}

function about(manifest: Manifest): object {
  const { serverName, sequence, createdAt, version, schemas } = manifest;
  const bytes = manifest.payload.bytes + manifest.packs.bytes;
  return { serverName, sequence, createdAt, version, schemas, bytes };
}

function sentence({ serverName, sequence, createdAt, version }: Manifest): string {
  return `Backup ${sequence} of ${serverName}, made ${new Date(createdAt).toISOString()} by Burrow ${version}.`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
