/** A data folder that takes no writes, or that lies where databases break: refused with the reason, and untouched. */
import assert from "node:assert/strict";
import { chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { checkDataFolder, DataFolderError } from "../../origin/config/data-folder.ts";
import { type FileSystemCalls, probeFileSystem, systemCalls } from "../../origin/host/file-system.ts";
import { fingerprint } from "../host/backup/data-folder.ts";
import { runBurrow } from "../support/run-burrow.ts";
import { mountSmallDisk } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin } from "../support/test-origin.ts";

test("a folder that was mounted read-only is refused by every command with what to do", async (t) => {
  const disk = await mountSmallDisk(t, { bytes: 4_000_000 });
  if ("missing" in disk) return t.skip(disk.missing);
  const data = ["--data", join(disk.path, "data")];
  const { within } = disk;
  assert.equal((await runBurrow([...data, "init", "--server-name", "example.org"], { within })).code, 0);
  const before = fingerprint(disk.seen);
  disk.remount("ro");
  const commands = [
    ["up", "--allow-root"],
    ["backup", "create"],
    ["config", "set", "log.level", "debug"],
    ["doctor"],
  ];
  const outcomes = await Promise.all(commands.map((words) => runBurrow([...data, ...words], { within })));
  for (const [at, { code, stdout, stderr }] of outcomes.entries()) {
    const said = stdout + stderr;
    assert.equal(code, 1, said);
    assert.match(said, /read-only/, commands[at]?.join(" "));
    assert.match(said, /Make it writable: "mount -o remount,rw"/);
    assert.doesNotMatch(said, /mistake in Burrow|\n\s+at |Another Burrow/);
  }
  assert.deepEqual(fingerprint(disk.seen), before);
});

test("a folder whose owner may not write to it is refused", {
  skip: process.getuid?.() === 0 && "root may write everywhere",
}, (t) => {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o500);
  assert.throws(() => checkDataFolder(folder), /may not write to its data folder.*chmod 700/);
});

test("a file system without renames is found out by trying", async (t) => {
  const disk = await mountSmallDisk(t, { bytes: 0, type: "mqueue" });
  if ("missing" in disk) return t.skip(disk.missing);
  const { fault } = probeFileSystem(disk.seen);
  assert.match(fault ?? "", /EPERM|EINVAL|EACCES/);
  assert.deepEqual(readdirSync(disk.seen), [], "the probe cleans up");
});

/** SQLite's own way of opening a file without taking any lock: what a lock is worth where none excludes. */
const openWithoutLocks: FileSystemCalls["open"] = (file) => {
  const url = pathToFileURL(file);
  url.searchParams.set("vfs", "unix-none");
  const database = new DatabaseSync(url);
  return {
    ...systemCalls().open(":memory:"),
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
  };
};

test("the server does not start where locks, modes, renames or fsync do not hold, nor on exFAT", async (t) => {
  const failing = (code: string) => (): never => {
    throw Object.assign(new Error(`${code}: not supported here`), { code });
  };
  const faults: [Partial<FileSystemCalls>, RegExp][] = [
    [{ open: openWithoutLocks }, /locks do not exclude/],
    [{ modeOf: () => 0o100_755 }, /files are open to other users/],
    [{ rename: failing("EPERM") }, /EPERM/],
    [{ fsync: failing("EINVAL") }, /EINVAL/],
    [{ typeOf: () => 0x2011bab0 }, /exFAT keeps no journal/],
  ];
  for (const [calls, reason] of faults) {
    const dataDir = join(temporaryFolder(t), "data");
    const started = startTestOrigin({ dataDir, fileSystem: { ...systemCalls(), ...calls } });
    await assert.rejects(started, (error: unknown) => {
      assert.ok(error instanceof DataFolderError);
      assert.match(error.message, reason);
      assert.match(error.message, /Move it to the device's own storage.*--data or BURROW_DATA/);
      return true;
    });
    assert.equal(readdirSync(dataDir).includes("databases"), false, "nothing was begun there");
    assert.deepEqual(
      readdirSync(dataDir).filter((name) => name.startsWith(".probe")),
      [],
    );
  }
});

test("FUSE and NFS that pass every trial, and a disk without room, do not keep the server from starting", (t) => {
  const folder = temporaryFolder(t);
  assert.deepEqual(probeFileSystem(folder, { ...systemCalls(), typeOf: () => 0x65735546 }), {
    weak: "FUSE",
    fault: undefined,
  });
  const fsync = (): never => {
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  };
  assert.equal(probeFileSystem(folder, { ...systemCalls(), fsync }).fault, undefined);
});
