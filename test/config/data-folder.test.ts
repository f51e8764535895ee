import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { checkDataFolder, chooseDataFolder, makeDataFolder } from "../../origin/config/data-folder.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("the option wins over the variable, and that over the home folder", () => {
  assert.equal(chooseDataFolder("/a", { BURROW_DATA: "/b" }), "/a");
  assert.equal(chooseDataFolder(undefined, { BURROW_DATA: "/b" }), "/b");
  assert.match(chooseDataFolder(undefined, {}), /\/\.burrow$/);
});

test("makes the folder for its owner alone, and leaves an existing one as it is", (t) => {
  const folder = join(temporaryFolder(t), "deep", "data");
  makeDataFolder(folder);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  chmodSync(folder, 0o755);
  makeDataFolder(folder);
  assert.equal(statSync(folder).mode & 0o777, 0o755);
});

test("refuses a folder that is missing, no folder, or open to others' writing", (t) => {
  const folder = temporaryFolder(t);
  assert.throws(() => checkDataFolder(join(folder, "none")), /Run "burrow init/);
  writeFileSync(join(folder, "file"), "");
  assert.throws(() => checkDataFolder(join(folder, "file")), /is not a folder/);
  mkdirSync(join(folder, "open"));
  chmodSync(join(folder, "open"), 0o770);
  assert.throws(() => checkDataFolder(join(folder, "open")), /chmod 700/);
});

test("refuses another user's folder", {
  skip: process.getuid?.() !== 0 && "only root can give a folder away",
}, (t) => {
  const folder = temporaryFolder(t);
  chownSync(folder, 12_345, 12_345);
  assert.throws(() => checkDataFolder(folder), /belongs to the user 12345/);
});
