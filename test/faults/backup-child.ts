/**
 * Makes or restores a backup and ends itself by SIGKILL after the given step (its number, or its name): `backup-child.ts JOB DATA STEP …`, where
 * JOB is `backup TARGET`, `drill TARGET` or `restore ARCHIVE IDENTITY`. Exit 0 when there were fewer steps. With `=STEP` it stops there
 * instead, prints `paused`, and goes on when standard input has a line or ends. A refusal is printed as JSON, exit 1.
 */
import { readSync, writeSync } from "node:fs";

import { readConfig } from "../../origin/config/read-config.ts";
import { BackupError } from "../../origin/host/backup/backup-error.ts";
import { createBackups } from "../../origin/host/backup/backup.ts";
import { restoreArchive } from "../../origin/host/backup/restore.ts";
import { startBackupWorker } from "../../origin/host/backup/worker-client.ts";
import { hostMigrations, openHostDatabase } from "../../origin/host/host-database.ts";
import { createLog } from "../../origin/host/log.ts";
import { membersMigrations } from "../../origin/members/migrations.ts";
import { openDatabases } from "../../origin/storage/databases.ts";

const [job, dataDir = "", last = "", ...rest] = process.argv.slice(2);
let steps = 0;
function onStep(name: string): void {
  steps += 1;
  if (steps === Number(last) || name === last) process.kill(process.pid, "SIGKILL");
  if (`=${steps}` !== last) return;
  writeSync(1, "paused\n");
  readSync(0, Buffer.alloc(1));
}

/** Prints what is refused; anything but a refusal is a finding. */
async function refusing(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    console.log(JSON.stringify({ fault: error.fault, message: error.message }));
    process.exitCode = 1;
  }
}

if (job === "backup" || job === "drill") {
  const databases = openDatabases(dataDir);
  const backups = createBackups({
    config: readConfig({ dataDir, environment: {} }),
    areas: [{ databases: ["members", "host"], blobs: ["blobs"] }],
    database: openHostDatabase(databases),
    outbound: { fetch: () => Promise.reject(new Error("nothing goes out here")) },
    log: createLog({ level: "error", now: Date.now, write: () => {} }),
    now: Date.now,
  });
  await refusing(() => backups[job === "drill" ? "drill" : "create"]({ to: rest[0], onStep }));
  await databases.close();
} else {
  const worker = startBackupWorker();
  const [archive = "", identityFile = ""] = rest;
  const databases = [
    { name: "members", migrations: membersMigrations },
    { name: "host", migrations: hostMigrations },
  ];
  const options = { dataDir, archive, identityFile, databases, worker, now: Date.now, write: true, onStep };
  await refusing(() => restoreArchive(options));
  await worker.close();
}
