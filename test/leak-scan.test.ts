import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { installHook } from "../tools/install-hook.ts";
import { scan } from "../tools/leak-scan.ts";
import { deploymentNames } from "../tools/published-files.ts";
import { projectRoot } from "./support/run-burrow.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const random = randomBytes(22).toString("hex").slice(0, 43);

const leaks: Record<string, string> = {
  "private key": `-----BEGIN PRIVATE KEY-----\n${random}`,
  "age key": `AGE-SECRET-KEY-1${"Q".repeat(58)}`,
  "Matrix token": "syt_YWRhbGFkYQ_abcdefghijklmnop_1a2b3c",
  "Burrow token": `found bat_${random}`,
  "Burrow key": `Authorization: Bearer burrow_key_${"q3".repeat(16)}`,
  "edge key": `EDGE_KEY=k0123abcd.${random}`,
  "AWS key": "AKIAABCDEFGHIJKLMNOP",
  "secret in quotes": `const adminPassword = "${random}"`,
  "public IPv4 address": "connect to 8.8.4.4:443",
  "public IPv6 address": "listens on 2a00:1450:4001:81b::200e",
  "path of a developer's machine": "see /home/somebody/projects/x",
  "registry host": "https://npm.corp.internal/left-pad",
};
for (const [rule, text] of Object.entries(leaks)) {
  test(`finds a ${rule}`, () => {
    assert.deepEqual(scan("docs/some.md", `first line\n${text}\n`), [
      { file: "docs/some.md", line: 2, rule },
    ]);
  });
}

test("leaves documentation addresses, versions and placeholders alone", () => {
  const text = `192.0.2.7 198.51.100.1 203.0.113.255 10.0.0.1 127.0.0.1 0.0.0.0 2001:db8::1 fe80::1 ::1 12:30:45
    version 24.21.0, 1.2.3.4.5, password: "correct horse battery staple", const secret = "short",
    tokenPattern = "access_token_is_named_here", /home/ada/burrow, https://registry.npmjs.org/hono`;
  assert.deepEqual(scan("docs/some.md", text), []);
});

const more: [string, string, string][] = [
  ["private key", "in JSON", `{"key":"-----BEGIN RSA PRIVATE KEY-----\\n${random}\\n"}`],
  ["private key", "of OpenSSH", `-----BEGIN OPENSSH PRIVATE KEY-----\n${random}`],
  ["private key", "in pieces", `["-----BEGIN EC PRIVATE KEY-----",\n  "${random}"]`],
  ["age key", "in small letters", `age-secret-key-1${"q".repeat(58)}`],
  ["Matrix token", "of an authentication service", `mat_${random.slice(0, 30)}_abc123`],
  ["Burrow token", "invite", `https://example.org/invite#bit_${random.slice(0, 27)}`],
  ["Burrow key", "an app password", `burrow_app_${Array(7).fill("q3w7").join("-")}`],
  ["tunnel token", "of Cloudflare", `run --token eyJhIjoi${random}${random}`],
  ["ntfy token", "in a shell", `curl -u :tk_${random.slice(0, 29)} x`],
  ["password in a URL", "of a database", `postgres://ada:${random}@db/x`],
  ["secret in quotes", "JSON", `{"clientSecret": "${random}"}`],
  ["secret in quotes", "single", `password: '${random}'`],
  ["secret in quotes", "backticks", `const api_key = \`${random}\``],
  ["secret without quotes", "a shell's", `export S3_SECRET_KEY=${random}`],
  ["secret without quotes", "YAML's", `  access_token: ${random}`],
];
for (const [rule, kind, text] of more) {
  test(`finds a ${rule}, ${kind}`, () => {
    const rules = scan("docs/some.md", `first line\n${text}\n`).map((finding) => finding.rule);
    assert.ok(rules.includes(rule), rules.join());
  });
}

test("finds the name of a server that is set up on this machine, and no made-up one", (t) => {
  const folder = temporaryFolder(t);
  const write = (name: string) => writeFileSync(join(folder, "burrow.toml"), `server_name = "${name}"\n`);
  write("our-family.net");
  const names = deploymentNames("/nowhere", { BURROW_DATA: folder });
  assert.ok(names.includes("our-family.net"));
  assert.deepEqual(scan("README.md", "1\nhttps://Our-Family.net/x", names), [
    { file: "README.md", line: 2, rule: "name of a deployment" },
  ]);
  for (const name of ["example.org", "burrow.localhost", "sub.example.com"]) {
    write(name);
    assert.ok(!deploymentNames("/nowhere", { BURROW_DATA: folder }).includes(name), name);
  }
});

test("the hook judges what is staged, whatever lies in the work tree, and lets no other hook be lost", (t) => {
  const folder = temporaryFolder(t);
  const git = (...args: string[]) =>
    spawnSync("git", ["-c", "user.name=ada", "-c", "user.email=ada@example.org", ...args], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" },
    });
  git("init", "-q");
  for (const name of ["node_modules", "tools", "origin"])
    symlinkSync(join(projectRoot, name), join(folder, name));
  writeFileSync(join(folder, ".git", "info", "exclude"), "node_modules\ntools\norigin\n");
  assert.match(installHook(folder), /pre-commit/);
  assert.match(installHook(folder), /pre-commit/);

  const file = join(folder, 'odd "name"\nin two lines.env');
  writeFileSync(file, `API_TOKEN=${random}\n`);
  writeFileSync(join(folder, "fine.md"), "nothing to hide\n");
  git("add", "--", ".");
  // Cleaned in the work tree only: what is staged still has it.
  writeFileSync(file, "");
  const refused = git("commit", "-qm", "first");
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /in two lines\.env:1: secret without quotes/);
  assert.ok(!refused.stderr.includes(random));
  git("add", "--", ".");
  assert.equal(git("commit", "-qm", "first").status, 0);

  writeFileSync(join(folder, ".git", "hooks", "pre-commit"), "#!/bin/sh\nexit 0\n");
  assert.throws(() => installHook(folder), /is there already/);
});
