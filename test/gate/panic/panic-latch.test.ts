/** E8: the latch is sticky, in force at once, and followed by whoever else has it open. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { openPanicDatabase } from "../../../origin/gate/panic/panic-database.ts";
import { createPanicLatch, type PanicLatch } from "../../../origin/gate/panic/panic-latch.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

function openLatch(t: TestContext, folder: string, now: () => number = () => 1_000): PanicLatch {
  const database = openPanicDatabase(folder);
  const latch = createPanicLatch(database, now);
  t.after(async () => {
    latch.close();
    await database.close();
  });
  return latch;
}

test("a level in force is loosened by no other, and outlives whoever set it", async (t) => {
  const folder = temporaryFolder(t);
  const latch = openLatch(t, folder);
  assert.equal(latch.level(), "none");
  assert.deepEqual(await latch.set("soft"), { level: "soft", since: 1_000 });
  assert.deepEqual(await latch.set("logins"), { level: "soft", since: 1_000 });
  assert.equal((await latch.set("hard")).level, "hard");

  const later = openLatch(t, folder, () => 2_000);
  assert.deepEqual(later.latched(), { level: "hard", since: 1_000 });
  assert.equal((await later.set("soft")).level, "hard");
  await later.clear();
  assert.deepEqual(later.latched(), { level: "none", since: 2_000 });
});

test("what one process sets is in force at the next question to another, which is told as well", async (t) => {
  const folder = temporaryFolder(t);
  const daemon = openLatch(t, folder);
  const commandLine = openLatch(t, folder);
  await commandLine.set("logins");
  assert.equal(daemon.level(), "logins");

  const told = Promise.withResolvers<string>();
  daemon.onChange(told.resolve);
  await commandLine.set("soft");
  // Nothing asks meanwhile: the daemon looks by itself.
  assert.equal(await told.promise, "soft");
});

test("a latch that cannot be read does not pass for open", (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "panic.db"), "not a database, and long enough to be looked at".repeat(100));
  assert.throws(() => openPanicDatabase(folder), /panic latch .* damaged.* remove/);
});
