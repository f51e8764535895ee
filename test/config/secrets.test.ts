import assert from "node:assert/strict";
import { chmodSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { createSecrets, readEdgeKeys, SecretError, secretFile } from "../../origin/config/secrets.ts";
import { parseEdgeKey } from "../../shared/edge-key.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("makes a key that both sides can read, for its owner alone", (t) => {
  const folder = temporaryFolder(t);
  assert.deepEqual(createSecrets(folder), ["edge-key"]);
  assert.equal(statSync(secretFile(folder, "edge-key")).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, "secrets")).mode & 0o777, 0o700);
  const [line = ""] = readEdgeKeys(folder);
  assert.equal(parseEdgeKey(line)?.secret.length, 32);
});

test("never overwrites a secret", (t) => {
  const folder = temporaryFolder(t);
  createSecrets(folder);
  const before = readFileSync(secretFile(folder, "edge-key"), "utf8");
  assert.deepEqual(createSecrets(folder), []);
  assert.equal(readFileSync(secretFile(folder, "edge-key"), "utf8"), before);
});

for (const mode of [0o640, 0o604, 0o660, 0o622]) {
  test(`refuses a secret of mode ${mode.toString(8)}, and says what to do`, (t) => {
    const folder = temporaryFolder(t);
    createSecrets(folder);
    chmodSync(secretFile(folder, "edge-key"), mode);
    assert.throws(
      () => readEdgeKeys(folder),
      (error) => error instanceof SecretError && /chmod 600/.test(error.message),
    );
  });
}

test("refuses a folder that others may look into", (t) => {
  const folder = temporaryFolder(t);
  createSecrets(folder);
  chmodSync(join(folder, "secrets"), 0o750);
  assert.throws(() => readEdgeKeys(folder), /chmod 700/);
});

test("follows no link, neither to the file nor to the folder", (t) => {
  const folder = temporaryFolder(t);
  createSecrets(folder);
  const file = secretFile(folder, "edge-key");
  renameSync(file, join(folder, "elsewhere"));
  symlinkSync(join(folder, "elsewhere"), file);
  assert.throws(() => readEdgeKeys(folder), /is a link/);
  rmSync(file);
  renameSync(join(folder, "secrets"), join(folder, "moved"));
  symlinkSync(join(folder, "moved"), join(folder, "secrets"));
  assert.throws(() => readEdgeKeys(folder), /is not a folder/);
});

test("refuses what belongs to another user", {
  skip: process.getuid?.() !== 0 && "only root can give a file away",
}, async (t) => {
  const { chownSync } = await import("node:fs");
  const folder = temporaryFolder(t);
  createSecrets(folder);
  chownSync(secretFile(folder, "edge-key"), 12_345, 12_345);
  assert.throws(() => readEdgeKeys(folder), /belongs to the user 12345/);
});

test("says what to do about a missing or damaged key, without showing any of it", (t) => {
  const folder = temporaryFolder(t);
  createSecrets(folder);
  const file = secretFile(folder, "edge-key");
  const key = readFileSync(file, "utf8").trim();
  for (const content of ["", `${key}x\n`, `${key}\n${key}\n${key}\n`, "nonsense\n"]) {
    writeFileSync(file, content);
    assert.throws(
      () => readEdgeKeys(folder),
      (error) => {
        assert.ok(error instanceof SecretError);
        assert.ok(!error.message.includes(key.slice(-20)));
        return /is damaged/.test(error.message);
      },
    );
  }
  rmSync(file);
  assert.throws(() => readEdgeKeys(folder), /is missing\. Run "burrow init"/);
});

test("two keys live side by side while one is exchanged", (t) => {
  const folder = temporaryFolder(t);
  createSecrets(folder);
  const file = secretFile(folder, "edge-key");
  const key = readFileSync(file, "utf8").trim();
  const next = `knext.${"A".repeat(43)}`;
  writeFileSync(file, `${next}\n${key}\n`);
  assert.deepEqual(readEdgeKeys(folder), [next, key]);
});
