import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { checkDataFolder } from "../../origin/config/data-folder.ts";
import { exportIdentity } from "../../origin/host/backup/backup-keys.ts";
import { makeServerFolder, memberNames, restoreInto } from "../host/backup/data-folder.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const child = fileURLToPath(new URL("backup-child.ts", import.meta.url));

/** False when it was killed at that step, true when it came to its end. */
async function runUntil(folder: string, step: number | string, args: readonly string[]): Promise<boolean> {
  const [job = "", dataDir = "", ...rest] = args;
  const running = spawn(process.execPath, [child, job, dataDir, String(step), ...rest], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: join(folder, "compiled") },
  });
  const [code, signal] = (await once(running, "exit")) as [number | null, string | null];
  if (signal === "SIGKILL") return false;
  assert.equal(code, 0);
  return true;
}

// Mostly children starting: two at a time.
describe("SIGKILL", { concurrency: 2 }, () => {
  test("a backup killed after any step costs nothing: no half archive, and the next one is whole", async (t) => {
    const root = temporaryFolder(t);
    const server = makeServerFolder(join(root, "data"), {
      settings: "[backup]\nkeep_daily = 1\nkeep_weekly = 0\nkeep_monthly = 0\n",
    });
    await server.addMember("ada");
    for (const fill of [1, 2]) await server.blobs.put(Buffer.alloc(1000, fill), { limit: 1000 });
    const target = join(root, "target");
    const day = 24 * 60 * 60 * 1000;
    // An old archive, so that there is something to prune.
    const old = makeServerFolder(join(root, "data"), { now: () => Date.now() - 9 * day });
    await old.backups.create({ to: target });
    await old.close();
    exportIdentity(server.dataDir, join(root, "identity.txt"));
    await server.close();

    let kills = 0;
    for (let step = 1; ; step += 1) {
      // Each run has a blob of its own to store, so that every step is there to be killed at.
      const again = makeServerFolder(join(root, "data"));
      await again.blobs.put(Buffer.from(`blob of run ${step}`), { limit: 1000 });
      await again.close();
      const ended = await runUntil(root, step, ["backup", server.dataDir, target]);
      const names = readdirSync(target).filter((name) => name.endsWith(".burrow-backup"));
      const check = makeServerFolder(join(root, "data"));
      for (const name of names) {
        const verified = await check.backups.verify(join(target, name), undefined);
        assert.equal(verified.missing, 0, `${name} after step ${step}`);
      }
      await check.close();
      if (ended) break;
      kills += 1;
    }
    assert.ok(kills >= 7, `${kills} steps`);
    assert.deepEqual(readdirSync(join(root, "target", "incoming")), []);
    assert.deepEqual(readdirSync(join(server.dataDir, "backup-work")), ["lock.db"]);
    const newest = readdirSync(target)
      .filter((name) => name.endsWith(".burrow-backup"))
      .toSorted()
      .at(-1);
    const report = await restoreInto(join(root, "fresh"), join(target, newest ?? ""), {
      identity: join(root, "identity.txt"),
    });
    assert.equal(report.blobs, 2 + kills + 1);
    assert.deepEqual(await memberNames(join(root, "fresh")), ["ada"]);
  });

  test("a kill while old archives and packs go leaves every other one whole, and the next run tidies up", async (t) => {
    const root = temporaryFolder(t);
    const dataDir = join(root, "data");
    const settings = "[backup]\nkeep_daily = 1\nkeep_weekly = 0\nkeep_monthly = 0\n";
    const target = join(root, "target");
    const archives = (): string[] => readdirSync(target).filter((name) => name.endsWith(".burrow-backup"));
    const packs = (): number =>
      (readdirSync(join(target, "packs"), { recursive: true }) as string[]).filter((path) =>
        path.endsWith(".age"),
      ).length;
    for (const [at, step] of ["pruned archives", "forgot packs", "pruned packs"].entries()) {
      // An old archive, and a pack that only it names.
      const old = makeServerFolder(dataDir, { settings, now: () => Date.now() - (30 - at) * 86_400_000 });
      const gone = await old.blobs.put(Buffer.from(`only in the old one ${at}`), { limit: 1000 });
      await old.backups.create({ to: target });
      await old.blobs.delete(gone.hash);
      await old.blobs.put(Buffer.from(`stays ${at}`), { limit: 1000 });
      await old.close();
      assert.equal(await runUntil(root, step, ["backup", dataDir, target]), false, `no step ${step}`);
      const check = makeServerFolder(dataDir, { settings });
      for (const name of archives()) {
        assert.equal((await check.backups.verify(join(target, name), undefined)).missing, 0, step);
      }
      await check.close();
    }
    // Packs are looked through when an archive goes: one more, and nothing is left that no archive names.
    const old = makeServerFolder(dataDir, { settings, now: () => Date.now() - 20 * 86_400_000 });
    await old.backups.create({ to: target });
    await old.close();
    const server = makeServerFolder(dataDir, { settings });
    const { path, blobs } = await server.backups.create({ to: target });
    assert.equal(blobs, 3);
    assert.equal((await server.backups.verify(path, undefined)).missing, 0);
    exportIdentity(dataDir, join(root, "identity.txt"));
    await server.close();
    // "stays 0" to "stays 2": one pack each, and those of the old archives are gone.
    assert.equal(packs(), 3);
    const report = await restoreInto(join(root, "fresh"), path, { identity: join(root, "identity.txt") });
    assert.equal(report.blobs, 3);
  });

  test("a practice restore that is killed leaves nothing decrypted once the next run begins", async (t) => {
    const root = temporaryFolder(t);
    const server = makeServerFolder(join(root, "data"));
    await server.addMember("ada");
    await server.close();
    const target = join(root, "target");
    for (const step of ["made", "unpacked"]) {
      assert.equal(await runUntil(root, step, ["drill", server.dataDir, target]), false);
      const again = makeServerFolder(server.dataDir);
      await again.backups.create({ to: target });
      assert.deepEqual(readdirSync(join(server.dataDir, "backup-work")), ["lock.db"], step);
      await again.close();
    }
  });

  test("a restore killed after any step leaves the old data or the new, and never a mixture", async (t) => {
    const root = temporaryFolder(t);
    const server = makeServerFolder(join(root, "data"));
    await server.addMember("ada");
    await server.blobs.put(Buffer.alloc(1000, 1), { limit: 1000 });
    const { path } = await server.backups.create({ to: join(root, "target") });
    const identity = join(root, "identity.txt");
    exportIdentity(server.dataDir, identity);
    await server.addMember("ben");
    await server.blobs.put(Buffer.alloc(1000, 2), { limit: 1000 });
    await server.close();
    writeFileSync(
      join(server.dataDir, "burrow.toml"),
      'server_name = "example.org"\n[log]\nlevel = "warn"\n',
    );

    /** What tells the two states apart, each part by itself. */
    const stateOf = async (dataDir: string): Promise<string[]> => [
      (await memberNames(dataDir)).includes("ben") ? "old" : "new",
      readFileSync(join(dataDir, "burrow.toml"), "utf8").includes("warn") ? "old" : "new",
      readdirSync(join(dataDir, "blobs")).length === 3 ? "old" : "new",
      existsSync(join(dataDir, "secrets", "edge-key")) ? "whole" : "lost",
    ];
    assert.deepEqual(await stateOf(server.dataDir), ["old", "old", "old", "whole"]);

    const seen = new Set<string>();
    for (let step = 1; ; step += 1) {
      const dataDir = join(root, `copy-${step}`);
      cpSync(server.dataDir, dataDir, { recursive: true });
      const ended = await runUntil(root, step, ["restore", dataDir, path, identity]);
      // What everyone who is about to use the folder does first.
      checkDataFolder(dataDir);
      const [members, ...others] = await stateOf(dataDir);
      assert.deepEqual(others, [members, members, "whole"], `after step ${step}`);
      assert.ok(members === "old" || members === "new");
      assert.equal(existsSync(join(dataDir, "backup-work", "restore.json")), false);
      seen.add(members);
      if (members === "new") {
        const kept = readdirSync(dataDir).filter((name) => name.startsWith("before-restore-"));
        assert.deepEqual(await memberNames(join(dataDir, kept[0] ?? "")), ["ada", "ben"]);
      }
      if (ended) break;
    }
    assert.deepEqual([...seen], ["old", "new"]);
  });
});
