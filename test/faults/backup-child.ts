/**
 * Makes or restores a backup and ends itself by SIGKILL after the given step: `backup-child.ts JOB DATA STEP …`, where
 * JOB is `backup TARGET` or `restore ARCHIVE IDENTITY`. Exit 0 when there were fewer steps.
 */
import { readConfig } from "../../origin/config/read-config.ts";
import { createBackups } from "../../origin/host/backup/backup.ts";
import { restoreArchive } from "../../origin/host/backup/restore.ts";
import { startBackupWorker } from "../../origin/host/backup/worker-client.ts";
import { hostMigrations, openHostDatabase } from "../../origin/host/host-database.ts";
import { createLog } from "../../origin/host/log.ts";
import { membersMigrations } from "../../origin/members/migrations.ts";
import { openDatabases } from "../../origin/storage/databases.ts";

const [job, dataDir = "", last = "", ...rest] = process.argv.slice(2);
let steps = 0;
function onStep(): void {
  steps += 1;
  if (steps === Number(last)) process.kill(process.pid, "SIGKILL");
}

if (job === "backup") {
  const databases = openDatabases(dataDir);
  const backups = createBackups({
    config: readConfig({ dataDir, environment: {} }),
    areas: [{ databases: ["members", "host"], blobs: ["blobs"] }],
    database: openHostDatabase(databases),
    outbound: { fetch: () => Promise.reject(new Error("nothing goes out here")) },
    log: createLog({ level: "error", now: Date.now, write: () => {} }),
    now: Date.now,
  });
  await backups.create({ to: rest[0], onStep });
  await databases.close();
} else {
  const worker = startBackupWorker();
  const [archive = "", identityFile = ""] = rest;
  const databases = [
    { name: "members", migrations: membersMigrations },
    { name: "host", migrations: hostMigrations },
  ];
  await restoreArchive({
    dataDir,
    archive,
    identityFile,
    databases,
    worker,
    now: Date.now,
    write: true,
    onStep,
  });
  await worker.close();
}
