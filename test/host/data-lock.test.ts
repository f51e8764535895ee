import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

import { DataLockError, findRunning, lockDataFolder } from "../../origin/host/data-lock.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const here = {
  pid: process.pid,
  listen: "127.0.0.1:1",
  publicUrl: "http://127.0.0.1:2",
  version: "1.0.0",
  startedAt: 0,
};

test("one holder at a time; looking does not disturb", (t) => {
  const folder = temporaryFolder(t);
  assert.equal(findRunning(folder), undefined);
  const lock = lockDataFolder(folder);
  lock.announce(here);
  assert.throws(
    () => lockDataFolder(folder),
    (error) => error instanceof DataLockError && error.message.includes(`process ${process.pid}`),
  );
  assert.deepEqual(findRunning(folder), here);
  lock.release();
  assert.equal(findRunning(folder), undefined);
  lockDataFolder(folder).release();
});

test("a killed holder leaves nothing that keeps the next one out", async (t) => {
  const folder = temporaryFolder(t);
  const module = new URL("../../origin/host/data-lock.ts", import.meta.url).href;
  const code = `const { lockDataFolder } = await import(${JSON.stringify(module)});
    lockDataFolder(process.argv[1]).announce({ pid: process.pid, listen: "", publicUrl: "" });
    process.stdout.write("locked"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  assert.throws(() => lockDataFolder(folder), DataLockError);
  assert.equal(findRunning(folder)?.pid, child.pid);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal(findRunning(folder), undefined);
  lockDataFolder(folder).release();
});
