/** No room in the middle of a backup, a drill or a restore: an error that says so, and everything as it was. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { exportIdentity } from "../../origin/host/backup/backup-keys.ts";
import { fingerprint, makeServerFolder } from "../host/backup/data-folder.ts";
import { mountSmallDisk, type SmallDisk } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const child = fileURLToPath(new URL("backup-child.ts", import.meta.url));

interface Refusal {
  readonly fault: string;
  readonly message: string;
}

/** Runs the job, and fills the disk after its step. Undefined when it was done; false when it has fewer steps. */
async function runFull(
  disk: SmallDisk,
  step: number,
  [job = "", dataDir = "", ...rest]: readonly string[],
): Promise<Refusal | undefined | false> {
  const words = [process.execPath, child, job, dataDir, `=${step}`, ...rest];
  const [command = "", ...args] = [...disk.within, ...words];
  const running = spawn(command, args, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: join(dirname(disk.path), "compiled") },
  });
  const gone = once(running, "exit");
  let filled = false;
  running.stdout.once("data", (said: Buffer) => {
    if (!said.toString().startsWith("paused")) return;
    disk.fill();
    filled = true;
    running.stdin.end();
  });
  const said = await text(running.stdout);
  const [code] = (await gone) as [number | null];
  disk.free();
  if (!filled) return false;
  if (code === 0) return undefined;
  assert.equal(code, 1, said);
  return JSON.parse(said.replace("paused\n", "")) as Refusal;
}

/** What counts of a data folder: not the history of backups, nor what belongs to a run. */
const live = (path: string): boolean => !/host\.db|backup-work|-(?:wal|shm)$|^lock\.db/.test(path);

/** A folder with an account, blobs that are no smaller encrypted, and one archive of before. */
async function prepare(t: Parameters<typeof temporaryFolder>[0], disk: SmallDisk) {
  const root = temporaryFolder(t);
  const server = makeServerFolder(join(root, "data"));
  await server.addMember("ada");
  for (let at = 0; at < 3; at += 1) {
    await server.blobs.put(crypto.getRandomValues(Buffer.alloc(60_000)), { limit: 100_000 });
  }
  const { path } = await server.backups.create({ to: join(root, "target") });
  exportIdentity(server.dataDir, join(root, "identity.txt"));
  await server.blobs.put(Buffer.alloc(1000, 2), { limit: 1000 });
  await server.close();
  // With the modes, which cpSync does not keep.
  for (const name of ["data", "target", "identity.txt"]) {
    execFileSync("cp", ["-a", join(root, name), join(disk.seen, name)]);
  }
  return { path: path.replace(root, disk.path) };
}

test("a backup or drill that runs out of room leaves the earlier archives alone and nothing of its own", {
  timeout: 60_000,
}, async (t) => {
  const disk = await mountSmallDisk(t, { bytes: 8_000_000 });
  if ("missing" in disk) return t.skip(disk.missing);
  await prepare(t, disk);
  const target = join(disk.seen, "target");
  const data = join(disk.seen, "data");
  const archives = fingerprint(target, (path) => path.endsWith(".burrow-backup"));
  const before = fingerprint(data, live);
  // After the first database, the second, and the blobs: each is followed by something to write.
  for (const [job, step] of [
    ["backup", 1],
    ["backup", 2],
    ["backup", 3],
    ["drill", 1],
  ] as const) {
    const refusal = await runFull(disk, step, [job, join(disk.path, "data"), join(disk.path, "target")]);
    assert.ok(refusal, `${job} after step ${step}`);
    assert.equal(refusal.fault, "full", refusal.message);
    assert.match(refusal.message, /no room on the disk.*earlier ones.*Make room/);
    assert.deepEqual(
      fingerprint(target, (path) => path.endsWith(".burrow-backup")),
      archives,
    );
    assert.deepEqual(readdirSync(join(target, "incoming")), []);
    assert.deepEqual(readdirSync(join(data, "backup-work")), ["lock.db"]);
    assert.deepEqual(fingerprint(data, live), before);
  }
});

test("a restore that runs out of room leaves the old data; once it is decided it needs none", {
  timeout: 60_000,
}, async (t) => {
  // The restore asks for 16 MB before it begins.
  const disk = await mountSmallDisk(t, { bytes: 24_000_000 });
  if ("missing" in disk) return t.skip(disk.missing);
  const { path } = await prepare(t, disk);
  const data = join(disk.seen, "data");
  const before = fingerprint(data, live);
  const names = (): string[] => readdirSync(data).filter((name) => name !== "lock.db");
  const namesBefore = names();
  const args = ["restore", join(disk.path, "data"), path, join(disk.path, "identity.txt")];

  let refusals = 0;
  for (let step = 1; ; step += 1) {
    const refusal = await runFull(disk, step, args);
    if (!refusal) {
      assert.equal(refusal, undefined, "it was restored");
      break;
    }
    refusals += 1;
    assert.equal(refusal.fault, "full", refusal.message);
    assert.match(refusal.message, /too little space.*Nothing was changed/);
    assert.deepEqual(fingerprint(data, live), before, `after step ${step}`);
    assert.deepEqual(names(), namesBefore, `after step ${step}`);
    assert.deepEqual(readdirSync(join(data, "backup-work")), ["lock.db"]);
  }
  assert.equal(refusals, 3, "started, unpacked, prepared");
  assert.equal(fingerprint(join(data, "blobs")).size, 3);
  assert.ok(readdirSync(data).some((name) => name.startsWith("before-restore-")));
});
