/** bin/burrow and the file "current": which of the versions side by side is started. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import {
  findInstallation,
  readChange,
  writeChange,
  type Change,
} from "../../../origin/host/update/installation.ts";
import { UpdateError } from "../../../origin/host/update/update-error.ts";
import { projectRoot } from "../../support/run-burrow.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const change: Change = {
  state: "switched",
  from: { path: ".", version: "1.0.0" },
  to: { path: "releases/2.0.0", version: "2.0.0" },
  dataDir: "/nowhere",
  migrates: {},
  at: 0,
};

function makeInstallation(folder: string): { current: string; start: () => ReturnType<typeof spawnSync> } {
  mkdirSync(join(folder, "bin"));
  mkdirSync(join(folder, "node_modules", ".bin"), { recursive: true });
  cpSync(join(projectRoot, "bin", "burrow"), join(folder, "bin", "burrow"));
  // Stands in for Node, and says whose it is.
  for (const [name, place] of [
    ["the first", join(folder, "node_modules", ".bin", "node")],
    ["the second", join(folder, "releases", "2.0.0", "bin", "burrow")],
  ] as const) {
    mkdirSync(join(place, ".."), { recursive: true });
    writeFileSync(place, `#!/bin/sh\n[ "$1" = --version ] && echo v24.0.0 || echo "${name}: $* ($#)"\n`);
    chmodSync(place, 0o755);
  }
  return {
    current: join(folder, "current"),
    start: () => spawnSync(join(folder, "bin", "burrow"), ["up", "a b"], { encoding: "utf8" }),
  };
}

test("the first line of current says which version starts, with the words as they were given", (t) => {
  const folder = temporaryFolder(t);
  const { start } = makeInstallation(folder);
  assert.match(String(start().stdout), /^the first: .* up a b \(5\)\n$/);
  writeChange(folder, change);
  assert.equal(start().stdout, "the second: up a b (2)\n");
  writeChange(folder, { ...change, state: "rolled-back" });
  assert.match(String(start().stdout), /^the first: /);
  // Through a link too, as from a folder of programs.
  writeChange(folder, { ...change, state: "confirmed" });
  const link = join(folder, "link");
  symlinkSync(join(folder, "bin", "burrow"), link);
  assert.equal(spawnSync(link, ["x"], { encoding: "utf8" }).stdout, "the second: x (1)\n");
});

test("a current that names nothing starts nothing, and says what to do", (t) => {
  const folder = temporaryFolder(t);
  const { current, start } = makeInstallation(folder);
  const bad = [
    "",
    "releases/3.0.0",
    "releases/../bin",
    "releases/2.0.0/../2.0.0",
    "/bin",
    "releases/",
    "2.0.0",
    "$(echo .)",
  ];
  for (const line of bad) {
    writeFileSync(current, `${line}\n`);
    const { status, stdout, stderr } = start();
    assert.deepEqual([status, stdout], [1, ""], line);
    assert.match(String(stderr), /Write \. or releases\/VERSION into its first line/);
  }
  writeFileSync(current, ".");
  assert.match(String(start().stdout), /^the first: /);
});

test("what was changed last is read back; a damaged note is told, and the first line alone is enough", (t) => {
  const folder = temporaryFolder(t);
  assert.equal(readChange(folder), undefined);
  writeChange(folder, change);
  assert.deepEqual(readChange(folder), change);
  assert.equal(readFileSync(join(folder, "current"), "utf8").split("\n")[0], "releases/2.0.0");
  writeFileSync(join(folder, "current"), "releases/2.0.0\n{");
  assert.throws(() => readChange(folder), UpdateError);
  writeFileSync(join(folder, "current"), ".");
  assert.equal(readChange(folder), undefined);
});

test("an installation is found from any of its versions", () => {
  assert.equal(findInstallation("/srv/burrow"), "/srv/burrow");
  assert.equal(findInstallation("/srv/burrow/releases/2.0.0"), "/srv/burrow");
});
