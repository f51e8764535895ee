/** Backups in a bucket: R2 as workerd has it, which checks every signature and every body's hash. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

import { startEdge, type RunningEdge } from "../../origin/cli/dev/edge-process.ts";
import { readConfig } from "../../origin/config/read-config.ts";
import { writeSecret } from "../../origin/config/secrets.ts";
import { BackupError } from "../../origin/host/backup/backup-error.ts";
import { exportIdentity, readIdentity } from "../../origin/host/backup/backup-keys.ts";
import { packPath } from "../../origin/host/backup/target.ts";
import { openS3Target } from "../../origin/host/backup/target-s3.ts";
import { createLog } from "../../origin/host/log.ts";
import { createOutbound, type Outbound } from "../../origin/host/outbound/outbound.ts";
import { fingerprint, makeServerFolder, memberNames, restoreInto } from "../host/backup/data-folder.ts";
import { projectRoot } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const keyId = "burrow-test";
const secret = randomBytes(20).toString("hex");
const cleanups: (() => unknown)[] = [];
let edge: RunningEdge;
let bucket: string;
let root: string;

before(async () => {
  root = temporaryFolder({ after: (work) => cleanups.push(work) });
  edge = await startEdge({
    root: projectRoot,
    origin: "127.0.0.1:9",
    edgeKey: `k1.${randomBytes(32).toString("base64url")}`,
    hosts: "127.0.0.1=apex",
    port: 0,
    persistDir: join(root, "edge"),
    mailS3: { bucket: "backups", accessKeyId: keyId, secretAccessKey: secret },
  });
  bucket = `${edge.url}/cdn-cgi/local/r2/s3/backups`;
});

after(async () => {
  await edge.stop();
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

/** A server folder whose target is the bucket. */
function openServer(name: string): ReturnType<typeof makeServerFolder> & { outbound: Outbound } {
  const settings = `[backup]\ns3_url = "${bucket}"\ns3_key_id = "${keyId}"\nkeep_daily = 1\nkeep_weekly = 0\nkeep_monthly = 0\n`;
  const dataDir = join(root, name);
  mkdirSync(dataDir, { mode: 0o700, recursive: true });
  writeFileSync(join(dataDir, "burrow.toml"), `server_name = "example.org"\n${settings}`);
  const log = createLog({ level: "error", now: Date.now, write: () => {} });
  const outbound = createOutbound({ config: readConfig({ dataDir, environment: {} }), log, now: Date.now });
  const server = makeServerFolder(dataDir, { settings, outbound });
  writeSecret(dataDir, "s3-secret", secret);
  return { ...server, outbound };
}

test("a backup in a bucket is found again, practised with, and restored from a copy of it", async (t) => {
  const server = openServer("data");
  t.after(() => server.outbound.close());
  await server.addMember("ada");
  for (const size of [0, 1000, 700_000]) await server.blobs.put(Buffer.alloc(size, 3), { limit: 1_000_000 });
  const first = await server.backups.create();
  assert.equal(first.newBlobs, 3);
  const second = await server.backups.create();
  assert.deepEqual([second.newBlobs, second.sequence], [0, 2]);
  const drilled = await server.backups.drill();
  assert.equal(drilled.databases, 2);
  const { target, archives } = await server.backups.list();
  assert.equal(target, bucket);
  assert.deepEqual(
    archives.map((archive) => archive.sequence),
    [1, 2, 3],
  );
  assert.deepEqual(readdirSync(join(server.dataDir, "backup-work")), ["lock.db"]);
  assert.equal(existsSync(join(server.dataDir, "backups")), false, "nothing stays on the device");

  // What any S3 program does: the objects become files of the same names.
  const copy = join(root, "copy");
  const reader = openS3Target({
    settings: { url: bucket, region: "auto", keyId, secret },
    serverName: "example.org",
    incoming: copy,
    outbound: server.outbound,
  });
  const name = archives.at(-1)?.name ?? "";
  const fetchFile = async (key: string): Promise<void> => {
    const object = await reader.open(key);
    mkdirSync(dirname(join(copy, key)), { recursive: true });
    writeFileSync(join(copy, key), await object.read(0, object.size));
  };
  await fetchFile(name);
  const identity = join(root, "identity.txt");
  exportIdentity(server.dataDir, identity);
  const { instance } = readIdentity(identity);
  await assert.rejects(
    restoreInto(join(root, "fresh"), join(copy, name), { identity }),
    (error) => error instanceof BackupError && error.fault === "missing",
    "the packs are still in the bucket",
  );
  for await (const hash of (await reader.packs(instance)).all()) {
    await fetchFile(packPath(instance, hash));
  }
  await server.close();
  const report = await restoreInto(join(root, "fresh"), join(copy, name), { identity });
  assert.equal(report.blobs, 3);
  assert.deepEqual(await memberNames(join(root, "fresh")), ["ada"]);
  const blobs = (path: string): boolean => path.startsWith("blobs/");
  assert.deepEqual(fingerprint(join(root, "fresh"), blobs), fingerprint(server.dataDir, blobs));
});

test("a wrong secret is refused by the bucket, and the error says where to look", async (t) => {
  const server = openServer("other");
  t.after(async () => {
    await server.close();
    await server.outbound.close();
  });
  writeSecret(server.dataDir, "s3-secret", "not the secret");
  await assert.rejects(
    server.backups.create(),
    (error: Error) => error instanceof BackupError && /s3-secret/.test(error.message),
  );
});
