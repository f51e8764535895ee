import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { openLogFile } from "../../origin/host/log-file.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("the log of the daemon is kept, for its owner only, in four files at most", (t) => {
  const data = temporaryFolder(t);
  const file = openLogFile(data);
  const line = `${"x".repeat(99_999)}\n`;
  for (let number = 0; number < 130; number += 1) file.write(line);
  file.write("the newest\n");
  file.close();
  assert.deepEqual(readdirSync(join(data, "logs")).toSorted(), [
    "origin.log",
    "origin.log.1",
    "origin.log.2",
    "origin.log.3",
  ]);
  for (const name of readdirSync(join(data, "logs"))) {
    const { size, mode } = statSync(join(data, "logs", name));
    assert.ok(size <= 2_000_000, name);
    assert.equal(mode & 0o777, 0o600);
  }
  assert.match(readFileSync(join(data, "logs", "origin.log"), "utf8"), /the newest\n$/);
  const again = openLogFile(data);
  again.write("after a restart\n");
  again.close();
  assert.match(readFileSync(join(data, "logs", "origin.log"), "utf8"), /the newest\nafter a restart\n$/);
});

test("a log that cannot be written costs the lines and not the daemon, and follows no link", (t) => {
  const data = temporaryFolder(t);
  writeFileSync(join(data, "logs"), "in the way");
  const file = openLogFile(data);
  file.write("lost\n");
  rmSync(join(data, "logs"));
  mkdirSync(join(data, "logs"));
  writeFileSync(join(data, "precious"), "");
  symlinkSync(join(data, "precious"), join(data, "logs", "origin.log"));
  file.write("lost too\n");
  assert.equal(readFileSync(join(data, "precious"), "utf8"), "");
  rmSync(join(data, "logs", "origin.log"));
  file.write("kept\n");
  file.close();
  assert.equal(readFileSync(join(data, "logs", "origin.log"), "utf8"), "kept\n");
});
