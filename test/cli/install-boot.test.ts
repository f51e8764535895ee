import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { quoteForShell } from "../../origin/cli/boot/boot-plan.ts";
import { runitPlan, s6Plan } from "../../origin/cli/boot/run-scripts.ts";
import { systemdPlan } from "../../origin/cli/boot/systemd.ts";
import { termuxPlan } from "../../origin/cli/boot/termux.ts";
import { type Outcome, runBurrow } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** A user that every machine has and that is not root. */
const user = "daemon";

async function prepare(
  t: TestContext,
): Promise<{ data: string; into: string; install: (...words: string[]) => Promise<Outcome> }> {
  const folder = temporaryFolder(t);
  const data = join(folder, "data");
  await runBurrow(["--data", data, "init", "--server-name", "example.org"]);
  const into = join(folder, "into");
  return {
    data,
    into,
    install: (...words) =>
      runBurrow(["--json", "--data", data, "install-boot", "--user", user, "--into", into, ...words]),
  };
}

interface Answer extends Record<string, unknown> {
  readonly files: { path: string; content: string; mode: string }[];
  readonly written: boolean;
}

test("it is shown first, and written with --yes only; what is there and differs stays", async (t) => {
  const { into, install } = await prepare(t);
  const shown = (await install("--kind", "runit")).json<Answer>();
  assert.equal(shown.written, false);
  assert.deepEqual(
    shown.files.map(({ path }) => path),
    [join(into, "burrow/run"), join(into, "burrow/log/run")],
  );
  assert.ok(!existsSync(into));
  assert.equal((await install("--kind", "runit", "--yes")).json<Answer>().written, true);
  for (const { path, content, mode } of shown.files) {
    assert.equal(readFileSync(path, "utf8"), content);
    assert.equal((statSync(path).mode & 0o777).toString(8), mode);
  }
  writeFileSync(join(into, "burrow/run"), "#!/bin/sh\n# mine\n");
  const refused = await install("--kind", "runit", "--yes");
  assert.equal(refused.code, 1);
  assert.match(refused.stdout, /is another one/);
  assert.match(readFileSync(join(into, "burrow/run"), "utf8"), /mine/);
});

test("every script is one that sh understands", (t) => {
  const some = { ...facts(temporaryFolder(t)), switchUser: true };
  const files = [runitPlan(some), s6Plan(some), termuxPlan(some, false), termuxPlan(some, true)].flatMap(
    (plan) => plan.files,
  );
  assert.equal(files.length, 6);
  for (const { path, content } of files) {
    const checked = spawnSync("sh", ["-n"], { input: content, encoding: "utf8" });
    assert.equal(checked.stderr, "", path);
  }
});

test("paths stay one word for the shell and for systemd", (t) => {
  const odd = `/srv/ada's "data" $HOME %h \\n/x`;
  const printed = spawnSync("sh", ["-c", `printf %s ${quoteForShell(odd)}`], { encoding: "utf8" }).stdout;
  assert.equal(printed, odd);
  const unit = systemdPlan({ ...facts(temporaryFolder(t)), dataDir: odd }).files[0]?.content ?? "";
  assert.match(unit, /--data "\/srv\/ada's \\"data\\" \$\$HOME %%h \\\\n\/x" up\n/);
});

test("systemd takes the unit, which runs as its user without a way to privileges", (t) => {
  const folder = temporaryFolder(t);
  const [file] = systemdPlan(facts(folder)).files;
  assert.ok(file);
  for (const line of [
    `User=${user}`,
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    `ReadWritePaths="${folder}"`,
    "Restart=always",
    "WantedBy=multi-user.target",
  ]) {
    assert.ok(file.content.split("\n").includes(line), line);
  }
  mkdirSync(join(folder, "units"));
  const path = join(folder, "units", "burrow.service");
  writeFileSync(path, file.content);
  const verified = spawnSync("systemd-analyze", ["verify", path], { encoding: "utf8" });
  if (verified.error) return t.skip("no systemd-analyze here");
  assert.equal(verified.stderr, "");
});

test("on a phone the script takes the wake lock and starts Burrow again when it ends", (t) => {
  const [plain, proot] = [false, true].map(
    (inProot) => termuxPlan(facts(temporaryFolder(t)), inProot).files[0],
  );
  assert.match(plain?.content ?? "", /termux-wake-lock\nwhile :; do\n[^]*\/bin\/true --data '.*' up 2>&1 \|/);
  assert.match(proot?.content ?? "", /proot-distro login debian --user \S+ -- \/bin\/true --data/);
  assert.equal(proot?.path, "/data/data/com.termux/files/home/.termux/boot/burrow");
});

function facts(dataDir: string): Parameters<typeof systemdPlan>[0] {
  const home = "/data/data/com.termux/files/home";
  return {
    program: "/bin/true",
    dataDir,
    servicesFile: undefined,
    user,
    switchUser: false,
    home,
    into: undefined,
    environment: {},
  };
}
