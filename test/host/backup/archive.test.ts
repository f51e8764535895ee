import assert from "node:assert/strict";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { openPanicDatabase } from "../../../origin/gate/panic/panic-database.ts";
import { createPanicLatch } from "../../../origin/gate/panic/panic-latch.ts";
import {
  createBackupKeys,
  exportIdentity,
  identityFile,
  readBackupKeys,
} from "../../../origin/host/backup/backup-keys.ts";
import { chooseDriver } from "../../../origin/storage/open-driver.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import {
  backedUp,
  fault,
  fingerprint,
  makeServerFolder,
  memberNames,
  restoreInto,
  sharedWorker,
  sizes,
} from "./data-folder.ts";

const kept = (path: string): boolean =>
  path === "burrow.toml" || path.startsWith("secrets/") || path.startsWith("blobs/");

test("what is restored is what was backed up, file by file", async (t) => {
  const { root, server, identity, made } = await backedUp(t);
  const fresh = join(root, "fresh");
  const report = await restoreInto(fresh, made.path, { identity });
  assert.equal(report.blobs, sizes.length);
  assert.deepEqual(fingerprint(fresh, kept), fingerprint(server.dataDir, kept));
  assert.deepEqual(await memberNames(fresh), ["ada", "ben"]);
  for (const path of ["databases/members.db", "secrets/edge-key", "burrow.toml"]) {
    assert.equal(statSync(join(fresh, path)).mode & 0o077, 0, `${path} is closed to others`);
  }
});

test("a trial writes nothing, and says what it would replace", async (t) => {
  const { root, server, identity, made } = await backedUp(t);
  const trial = await restoreInto(join(root, "fresh"), made.path, { identity, write: false });
  assert.equal(trial.written, false);
  assert.equal(existsSync(join(root, "fresh")), false);
  const before = fingerprint(server.dataDir);
  const over = await restoreInto(server.dataDir, made.path, { identity, write: false });
  assert.deepEqual(over.replaced?.names.toSorted(), ["blobs", "burrow.toml", "databases", "secrets"]);
  assert.deepEqual(fingerprint(server.dataDir), before);
});

test("over live data the old ones are kept, and what no backup may bring stays", async (t) => {
  const { server, identity, made } = await backedUp(t);
  await server.addMember("cleo");
  writeFileSync(join(server.dataDir, "services.toml"), "# mine\n");
  const panic = openPanicDatabase(server.dataDir);
  await createPanicLatch(panic, Date.now).set("soft");
  await panic.close();
  await server.close();
  const { replaced } = await restoreInto(server.dataDir, made.path, { identity });
  assert.deepEqual(await memberNames(server.dataDir), ["ada", "ben"]);
  assert.ok(replaced);
  assert.deepEqual(await memberNames(replaced.kept), ["ada", "ben", "cleo"]);
  assert.equal(readFileSync(join(server.dataDir, "services.toml"), "utf8"), "# mine\n");
  const after = openPanicDatabase(server.dataDir);
  assert.equal(createPanicLatch(after, Date.now).level(), "soft");
  await after.close();
});

test("a second backup stores the new blob only", async (t) => {
  const { server, made } = await backedUp(t);
  assert.equal(made.newBlobs, sizes.length);
  await server.blobs.put(Buffer.alloc(50_000, 9), { limit: 2_000_000 });
  const second = await server.backups.create();
  assert.equal(second.newBlobs, 1);
  assert.ok(second.newBlobBytes < 60_000);
  assert.equal(second.blobs, sizes.length + 1);
  assert.equal(second.sequence, made.sequence + 1);
});

test("the target tells nothing: no content, no name, no hash of either", async (t) => {
  const { root, server } = await backedUp(t);
  const marker = "a text that nobody else writes, 7c1f";
  const { hash } = await server.blobs.put(Buffer.from(marker.repeat(3)), { limit: 1000 });
  await server.addMember("somebody-nobody-knows");
  await server.backups.create({ to: join(root, "target") });
  const files = fingerprint(join(root, "target"));
  assert.equal(files.size, 2, "an archive and a pack");
  for (const path of files.keys()) {
    const content = readFileSync(join(root, "target", path)).toString("latin1");
    for (const secret of [
      marker,
      "somebody-nobody-knows",
      hash,
      Buffer.from(hash, "hex").toString("latin1"),
    ]) {
      assert.ok(!content.includes(secret) && !path.includes(secret), `${path} tells ${secret}`);
    }
  }
});

test("no plain copy is left, and none was ever outside the data folder", async (t) => {
  const { root, server } = await backedUp(t);
  const seen: string[] = [];
  await server.backups.create({
    to: join(root, "target"),
    onStep(step) {
      if (!step.startsWith("snapshot")) return;
      const work = join(server.dataDir, "backup-work");
      assert.equal(statSync(work).mode & 0o077, 0);
      seen.push(...readdirSync(join(work, "snapshot")));
      assert.deepEqual(readdirSync(join(root, "target", "incoming")), []);
    },
  });
  assert.ok(seen.includes("members.db"));
  assert.deepEqual(readdirSync(join(server.dataDir, "backup-work")), ["lock.db"]);
});

test("an archive alone is enough when it is a whole one; otherwise it says what belongs to it", async (t) => {
  const { root, server, identity, made } = await backedUp(t);
  const whole = await server.backups.create({ to: join(root, "target"), whole: true });
  assert.equal(existsSync(join(root, "target", "packs")), false);
  mkdirSync(join(root, "stick"));
  copyFileSync(whole.path, join(root, "stick", "one.burrow-backup"));
  await restoreInto(join(root, "from-stick"), join(root, "stick", "one.burrow-backup"), { identity });
  assert.deepEqual(fingerprint(join(root, "from-stick"), kept), fingerprint(server.dataDir, kept));

  // On this machine the packs are found where they were put; elsewhere they are missing.
  copyFileSync(made.path, join(root, "stick", "two.burrow-backup"));
  await restoreInto(join(root, "found"), join(root, "stick", "two.burrow-backup"), { identity });
  renameSync(join(dirname(made.path), "packs"), join(root, "gone"));
  await assert.rejects(
    restoreInto(join(root, "lost"), join(root, "stick", "two.burrow-backup"), { identity }),
    fault("missing"),
  );
  assert.equal(existsSync(join(root, "lost", "databases")), false);
});

test("what is past its time goes, with the packs that only it had", async (t) => {
  const root = temporaryFolder(t);
  let now = Date.parse("2026-01-05T03:30:00Z");
  const twoDays = 2 * 24 * 60 * 60 * 1000;
  const settings = "[backup]\nkeep_daily = 1\nkeep_weekly = 0\nkeep_monthly = 0\n";
  const server = makeServerFolder(join(root, "data"), { now: () => now, settings });
  t.after(() => server.close());
  const limit = 100_000;
  await server.blobs.put(Buffer.alloc(limit, 1), { limit });
  await server.backups.create();
  const leaves = await server.blobs.put(Buffer.alloc(limit, 2), { limit });
  const first = await server.backups.create();
  assert.equal(first.newBlobs, 1);
  await server.blobs.delete(leaves.hash);
  now += twoDays;
  const second = await server.backups.create();
  assert.equal(existsSync(first.path), false);
  assert.deepEqual({ ...second.pruned }, { archives: 2, packs: 1, note: undefined });
  assert.equal((await server.backups.verify(second.path, undefined)).missing, 0);
  // What is known is asked of the target: one is there, one has to be stored again.
  await server.blobs.put(Buffer.alloc(limit, 2), { limit });
  const third = await server.backups.create();
  assert.deepEqual([third.newBlobs, third.blobs], [1, 2]);
  // An archive that cannot be read may need any pack: all of them stay then.
  await server.blobs.delete(leaves.hash);
  now += twoDays;
  writeFileSync(join(dirname(third.path), "example.org-20260109T033000Z-000098.burrow-backup"), "torn");
  const last = await server.backups.create();
  assert.deepEqual([last.pruned.archives, last.pruned.packs], [2, 0]);
  assert.match(last.pruned.note ?? "", /every pack stays/);
});

test("a pack of which little is alive is stored anew, without the rest", async (t) => {
  const root = temporaryFolder(t);
  const server = makeServerFolder(join(root, "data"));
  t.after(() => server.close());
  const limit = 50_000;
  const hashes: string[] = [];
  for (const fill of [1, 2, 3, 4])
    hashes.push((await server.blobs.put(Buffer.alloc(limit, fill), { limit })).hash);
  assert.equal((await server.backups.create()).newBlobs, 4);
  await server.blobs.delete(hashes[0] ?? "");
  assert.equal((await server.backups.create()).newBlobs, 0, "half or more is kept as it is");
  await server.blobs.delete(hashes[1] ?? "");
  await server.blobs.delete(hashes[2] ?? "");
  const made = await server.backups.create();
  assert.equal(made.newBlobs, 1);
  assert.ok(made.newBlobBytes < 2 * limit);
});

test("no archive brings commands to run or lets go of the panic latch, whoever signed it", async (t) => {
  const { root, server, identity } = await backedUp(t);
  const keys = readBackupKeys(server.dataDir);
  assert.ok(keys);
  const text = join(root, "text");
  writeFileSync(text, "");
  const path = join(root, "odd.burrow-backup");
  const names = ["burrow.toml", "services.toml", "panic", "running.json", "before-restore-1/x"];
  await sharedWorker().run("pack", {
    out: path,
    files: names.map((name) => ({ path: name, file: join(server.dataDir, "burrow.toml") })),
    packList: text,
    placeList: text,
    packFolder: null,
    packs: { count: 0, bytes: 0 },
    manifest: {
      instance: keys.instance,
      serverName: "example.org",
      sequence: 9,
      createdAt: 0,
      version: "0.1.0",
      previous: null,
      schemas: {},
    },
    recipients: [keys.recipient],
    signingKey: keys.signingKey,
  });
  await restoreInto(join(root, "fresh"), path, { identity });
  assert.deepEqual(
    readdirSync(join(root, "fresh"))
      .filter((name) => name !== "lock.db")
      .toSorted(),
    ["backup-work", "burrow.toml", "databases"],
  );
});

test("a blob whose content rotted is left out and named; everything else is backed up", async (t) => {
  const { root, server, identity } = await backedUp(t);
  const { hash } = await server.blobs.put(Buffer.from("soon to rot"), { limit: 1000 });
  const path = `blobs/${hash.slice(0, 2)}/${hash.slice(2, 4)}/${hash}`;
  chmodSync(join(server.dataDir, path), 0o600);
  writeFileSync(join(server.dataDir, path), "rotten!");
  const made = await server.backups.create();
  assert.deepEqual(made.damaged, [path]);
  await restoreInto(join(root, "fresh"), made.path, { identity });
  assert.equal(existsSync(join(root, "fresh", path)), false);
});

test("a damaged database is refused before it replaces a good backup", async (t) => {
  const root = temporaryFolder(t);
  const server = makeServerFolder(join(root, "data"));
  for (let index = 0; index < 2000; index += 1) void server.addMember(`member${index}`);
  await server.addMember("last");
  await server.close();
  const file = join(server.dataDir, "databases", "members.db");
  const bytes = readFileSync(file);
  bytes.fill(0x5a, 5 * 4096, 12 * 4096);
  writeFileSync(file, bytes);
  const again = makeServerFolder(join(root, "data"));
  t.after(() => again.close());
  await assert.rejects(again.backups.create(), (error: Error) => /members/.test(error.message));
  assert.deepEqual((await again.backups.list()).archives, []);
});

test("a database that was opened by a newer Burrow is refused with both versions", async (t) => {
  const { root, server, identity } = await backedUp(t);
  const driver = chooseDriver()(join(server.dataDir, "databases", "members.db"));
  driver.exec("PRAGMA user_version = 999");
  driver.close();
  const made = await server.backups.create();
  await assert.rejects(restoreInto(join(root, "fresh"), made.path, { identity }), fault("too-new"));
  assert.equal(existsSync(join(root, "fresh")), false);
});

test("one backup at a time", async (t) => {
  const { server } = await backedUp(t);
  const both = await Promise.allSettled([server.backups.create(), server.backups.create()]);
  const refused = both.filter((result) => result.status === "rejected");
  assert.equal(refused.length, 1);
  assert.ok(fault("busy")(refused[0]?.reason));
});

test("the identity leaves the device once, whole, and to another place", async (t) => {
  const root = temporaryFolder(t);
  const server = makeServerFolder(join(root, "data"));
  t.after(() => server.close());
  const { identity } = await server.backups.create();
  assert.equal(identity, identityFile(server.dataDir));
  assert.equal(statSync(identity ?? "").mode & 0o777, 0o600);
  assert.throws(
    () => exportIdentity(server.dataDir, join(server.dataDir, "elsewhere.txt")),
    fault("unusable"),
  );
  exportIdentity(server.dataDir, join(root, "stick.txt"));
  assert.equal(existsSync(identity ?? ""), false);
  assert.equal(statSync(join(root, "stick.txt")).mode & 0o777, 0o600);
  assert.throws(() => exportIdentity(server.dataDir, join(root, "again.txt")), fault("missing"));
  assert.equal((await server.backups.create()).identity, null);
  const device = fingerprint(server.dataDir);
  const secret = /AGE-SECRET-KEY-\S+/.exec(readFileSync(join(root, "stick.txt"), "utf8"))?.[0] ?? "?";
  for (const path of device.keys()) {
    assert.ok(!readFileSync(join(server.dataDir, path)).includes(secret), `${path} holds the identity`);
  }
});

test("after new keys both lines of backups open, each with its own identity", async (t) => {
  const { root, server, identity, made } = await backedUp(t);
  const pair = await sharedWorker().run("newIdentity", null);
  createBackupKeys(server.dataDir, pair, { serverName: "example.org", now: 0 });
  await server.addMember("cleo");
  const later = await server.backups.create();
  assert.equal(later.newBlobs, sizes.length, "nothing is reused that the new identity could not open");
  exportIdentity(server.dataDir, join(root, "second.txt"));
  await restoreInto(join(root, "old"), made.path, { identity });
  await restoreInto(join(root, "new"), later.path, { identity: join(root, "second.txt") });
  assert.deepEqual(await memberNames(join(root, "old")), ["ada", "ben"]);
  assert.deepEqual(await memberNames(join(root, "new")), ["ada", "ben", "cleo"]);
});
