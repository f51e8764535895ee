import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";

import { installDependencies } from "../../../origin/host/update/dependencies.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const packages = {
  "": { name: "burrow", version: "1.0.0" },
  "node_modules/@a/one": { version: "1.0.0", integrity: "sha512-aa" },
  "node_modules/@a/one/node_modules/two": { version: "2.0.0", integrity: "sha512-bb" },
  "node_modules/node-elsewhere": { version: "24.0.0", integrity: "sha512-cc", optional: true },
  "node_modules/tool": { version: "3.0.0", integrity: "sha512-dd", dev: true },
};

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A version with packages as npm leaves them, and a next one with a lock of its own. */
function set(t: TestContext, next: object): { running: string; release: string } {
  const folder = temporaryFolder(t);
  const [running, release] = [join(folder, "running"), join(folder, "release")];
  put(join(running, "package-lock.json"), JSON.stringify({ packages }));
  put(join(release, "package-lock.json"), JSON.stringify({ packages: next }));
  put(join(running, "node_modules/@a/one/index.js"), "one");
  put(join(running, "node_modules/@a/one/lib/deep.js"), "deep");
  put(join(running, "node_modules/@a/one/node_modules/two/index.js"), "two");
  put(join(running, "node_modules/tool/index.js"), "tool");
  mkdirSync(join(running, "node_modules/.bin"));
  symlinkSync("../@a/one/index.js", join(running, "node_modules/.bin/one"));
  symlinkSync("../tool/index.js", join(running, "node_modules/.bin/tool"));
  return { running, release };
}

/** An npm that tells what it is asked. */
function fakeNpm(t: TestContext, script: string): void {
  const folder = temporaryFolder(t);
  put(join(folder, "npm"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "npm"), 0o755);
  const before = process.env["PATH"];
  process.env["PATH"] = `${folder}:${before}`;
  t.after(() => (process.env["PATH"] = before));
}

test("the very same packages are taken from the version that runs, without npm", async (t) => {
  const { "node_modules/tool": _, ...production } = packages;
  const { running, release } = set(t, { ...production, "": { name: "burrow", version: "2.0.0" } });
  fakeNpm(t, "echo must not be asked >&2; exit 9");
  await installDependencies(release, running);
  const same = (path: string) => {
    assert.equal(statSync(join(release, path)).ino, statSync(join(running, path)).ino, path);
  };
  same("node_modules/@a/one/index.js");
  same("node_modules/@a/one/lib/deep.js");
  same("node_modules/@a/one/node_modules/two/index.js");
  assert.equal(readlinkSync(join(release, "node_modules/.bin/one")), "../@a/one/index.js");
  for (const absent of ["node_modules/tool", "node_modules/.bin/tool"])
    assert.equal(lstatSync(join(release, absent), { throwIfNoEntry: false }), undefined, absent);
});

test("another hash is another package: npm installs what the lock says, and runs no script", async (t) => {
  const { running, release } = set(t, {
    ...packages,
    "node_modules/@a/one": { version: "1.0.0", integrity: "sha512-ee" },
  });
  fakeNpm(t, 'echo "$PWD $*" > asked');
  await installDependencies(release, running);
  assert.match(readFileSync(join(release, "asked"), "utf8"), /release ci --omit=dev --ignore-scripts /);
});

test("when npm cannot, the update stops and says what it said", async (t) => {
  const { running, release } = set(t, { ...packages, "node_modules/new": { version: "1.0.0" } });
  fakeNpm(t, "echo no way to the registry >&2; exit 1");
  await assert.rejects(installDependencies(release, running), /Nothing has changed\. no way to the registry/);
});
