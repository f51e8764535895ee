import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { readSecret, SecretError, writeSecret } from "../../origin/config/secrets.ts";
import { openTotpKeys } from "../../origin/config/totp-key.ts";
import { runCommand } from "../support/run-command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("the key is made when it is first needed; an exchange keeps the old one until it is dropped, one at a time", async (t) => {
  const dataDir = join(temporaryFolder(t), "data");
  await runCommand(["--data", dataDir, "--json", "init", "--server-name", "example.org"]);
  const hidden: string[] = [];
  const log = { hide: (secret: string) => void hidden.push(secret) };
  const rotate = () => runCommand(["--data", dataDir, "--json", "rotate", "totp-key"]);
  const running = openTotpKeys(dataDir, log);
  assert.deepEqual(running.all(), []);
  const first = running.newest();
  assert.deepEqual(running.newest(), first);
  assert.ok(hidden.includes(readSecret(dataDir, "totp-key")));

  assert.equal((await rotate()).code, 0);
  const again = await rotate();
  assert.deepEqual([again.code, /under way/.test(again.stdout)], [1, true]);
  running.dropOld();
  const restarted = openTotpKeys(dataDir, log);
  assert.equal(restarted.all().length, 2, "who knows of no exchange drops nothing");
  assert.deepEqual(restarted.all()[1], first);
  restarted.dropOld();
  assert.deepEqual(restarted.all(), openTotpKeys(dataDir, log).all());
  assert.equal(restarted.all().length, 1);

  writeSecret(dataDir, "totp-key", "short");
  assert.throws(() => openTotpKeys(dataDir, log), SecretError);
});
