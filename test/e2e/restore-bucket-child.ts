/**
 * Restores `latest` from a bucket and ends itself by SIGKILL at a step: `restore-bucket-child.ts DATA STEP IDENTITY URL
 * KEY-ID`, the secret in BUCKET_SECRET. A step is one of the restore's own, or `answer N`: so many answers have come.
 */
import { devNull } from "node:os";

import { readConfig } from "../../origin/config/read-config.ts";
import { restoreFromBucket } from "../../origin/host/backup/restore-from-bucket.ts";
import { openS3Target } from "../../origin/host/backup/target-s3.ts";
import { startBackupWorker } from "../../origin/host/backup/worker-client.ts";
import { createLog } from "../../origin/host/log.ts";
import { createOutbound } from "../../origin/host/outbound/outbound.ts";
import { knownDatabases } from "../../origin/known-databases.ts";

const [dataDir = "", last = "", identityFile = "", url = "", keyId = ""] = process.argv.slice(2);
const environment = { BURROW_SERVER_NAME: "restore.invalid", BURROW_BACKUP_S3_URL: url };
const config = readConfig({ dataDir, environment, file: devNull });
const log = createLog({ level: "error", now: Date.now, write: () => {} });
const outbound = createOutbound({ config, log, now: Date.now });
const onStep = (step: string): void => {
  if (step === last) process.kill(process.pid, "SIGKILL");
};

let answers = 0;
const secret = process.env["BUCKET_SECRET"] ?? "";
const target = openS3Target({
  settings: { url, region: "auto", keyId, secret },
  serverName: undefined,
  incoming: dataDir,
  outbound: {
    async fetch(...request) {
      const answer = await outbound.fetch(...request);
      onStep(`answer ${(answers += 1)}`);
      return answer;
    },
  },
});
const worker = startBackupWorker();
await restoreFromBucket({
  dataDir,
  target,
  name: "latest",
  identityFile,
  databases: knownDatabases,
  worker,
  now: Date.now,
  write: true,
  onStep,
});
await worker.close();
await outbound.close();
