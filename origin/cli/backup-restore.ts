import { readIdentity } from "../host/backup/backup-keys.ts";
import { restoreFromBucket } from "../host/backup/restore-from-bucket.ts";
import { type RestoreOptions, type RestoreReport, restoreArchive } from "../host/backup/restore.ts";
import { workFolder } from "../host/backup/work-lock.ts";
import { startBackupWorker } from "../host/backup/worker-client.ts";
import {
  type ArchiveSource,
  bucketOptions,
  bucketUsage,
  dataFolderOf,
  findSource,
  withBucket,
} from "./backup-source.ts";
import { answer, type Command, textOption, UsageError } from "./command.ts";
import { about, megabytes, progressBar, sentence } from "./describe-backup.ts";

export const restore: Command = {
  name: "backup restore",
  usage: `ARCHIVE|latest --identity FILE [--yes] ${bucketUsage}`,
  summary: "Checks a backup and says what it would restore; with --yes it does. Burrow must be stopped.",
  options: { identity: { type: "string" }, yes: { type: "boolean" }, ...bucketOptions },
  words: 1,
  async run(invocation) {
    const identity = textOption(invocation, "identity");
    if (identity === undefined) {
      throw new UsageError("Give the identity that you took away when the backups began: --identity FILE");
    }
    const [word = ""] = invocation.positionals;
    const source = await findSource(invocation, word, () => readIdentity(identity).verifyKey);
    const { knownDatabases } = await import("../known-databases.ts");
    const bar = progressBar(invocation);
    const worker = startBackupWorker();
    const dataDir = dataFolderOf(invocation);
    try {
      const report = await restoreSource(source, word, {
        dataDir,
        identityFile: identity,
        databases: knownDatabases,
        worker,
        now: Date.now,
        write: invocation.options["yes"] === true,
        onProgress: (phase, done, total) => bar.show(phase, done, total, "bytes"),
      });
      bar.clear();
      const { archive, written, manifest, files, blobs, bytes, replaced } = report;
      const counts = { files, blobs, restoredBytes: bytes };
      answer(invocation, { written, archive, ...about(manifest), ...counts, replaced }, [
        `${sentence(manifest)} It unpacks to ${files} files and ${blobs} blobs, ${megabytes(bytes)}.`,
        ...(written
          ? doneLines(replaced?.kept)
          : plannedLines(replaced?.names, "bucket" in source ? workFolder(dataDir) : undefined)),
      ]);
      return 0;
    } finally {
      bar.clear();
      await worker.close();
    }
  },
};

function restoreSource(
  source: ArchiveSource,
  name: string,
  options: Omit<RestoreOptions, "archive">,
): Promise<RestoreReport & { archive: string }> {
  if ("bucket" in source) {
    return withBucket(source.bucket, (target) => restoreFromBucket({ ...options, target, name }));
  }
  const archive = source.file;
  return restoreArchive({ ...options, archive }).then((report) => ({ ...report, archive }));
}

function doneLines(kept: string | undefined): string[] {
  return [
    "Restored. Everybody has to sign in again, and open invites have ended.",
    ...(kept === undefined ? [] : [`What was there before is in ${kept}: remove it when all is well.`]),
    'Next: "burrow doctor", then "burrow up".',
  ];
}

function plannedLines(names: readonly string[] | undefined, fetchedTo: string | undefined): string[] {
  return [
    ...(fetchedTo === undefined
      ? ["Nothing was written: this was the trial, and all of the backup is good."]
      : [
          "Nothing was changed: this was the trial, and all of the backup is good.",
          `What was fetched waits, encrypted, in ${fetchedTo} for --yes, and is not fetched again.`,
        ]),
    ...(names === undefined ? [] : [`It would replace, and keep a copy of: ${names.join(", ")}.`]),
    "To do it, give --yes.",
  ];
}
