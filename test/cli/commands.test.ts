import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { type Failure, runCommandLine } from "../../origin/cli/command-line.ts";
import { type Outcome, projectRoot, runBurrow } from "../support/run-burrow.ts";
import { runCommand } from "../support/run-command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const password = "seventeen hollow oaks by night";

async function claimedFolder(t: TestContext): Promise<(...args: string[]) => Promise<Outcome>> {
  const data = join(temporaryFolder(t), "data");
  const burrow = (...args: string[]) => runCommand(["--data", data, "--json", ...args], `${password}\n`);
  assert.equal((await burrow("init", "--server-name", "example.org")).code, 0);
  assert.equal((await burrow("owner", "create", "ada", "--password-stdin")).code, 0);
  return burrow;
}

test("init makes a folder for its owner alone, and never overwrites", async (t) => {
  const data = join(temporaryFolder(t), "data");
  const first = await runBurrow(["init", "--server-name", "example.org", "--data", data, "--json"]);
  assert.deepEqual(first.json(), { data, created: ["burrow.toml", "secrets/edge-key"] });
  assert.equal(statSync(data).mode & 0o777, 0o700);
  const before = readFileSync(join(data, "burrow.toml"), "utf8");
  const again = await runBurrow(["--data", data, "--json", "init", "--server-name", "example.org"]);
  assert.deepEqual(again.json()["created"], []);
  const other = await runBurrow(["--data", data, "init", "--server-name", "example.com"]);
  assert.equal(other.code, 1);
  assert.match(other.stderr, /is for example\.org already/);
  assert.equal(readFileSync(join(data, "burrow.toml"), "utf8"), before);
  // As doctor says it: what is missing is made without the name.
  rmSync(join(data, "secrets", "edge-key"));
  const mended = await runBurrow(["--data", data, "--json", "init"]);
  assert.deepEqual(mended.json()["created"], ["secrets/edge-key"]);
});

test("the data folder comes from the option, else from the variable", async (t) => {
  const data = join(temporaryFolder(t), "data");
  const outcome = await runBurrow(["--json", "init", "--server-name", "example.org"], {
    environment: { BURROW_DATA: data },
  });
  assert.equal(outcome.json()["data"], data);
});

test("owner create claims once, with a password from standard input only", async (t) => {
  const burrow = await claimedFolder(t);
  const again = await burrow("owner", "create", "ben", "--password-stdin");
  assert.equal(again.code, 1);
  assert.equal(again.json()["error"], "failed");
  assert.equal((await burrow("owner", "create", "ben")).code, 2);
  assert.equal((await burrow("owner", "create", "ben", "secret", "--password-stdin")).code, 2);
});

test("a refused owner password says what to do and shows none of it", async (t) => {
  const data = join(temporaryFolder(t), "data");
  await runBurrow(["--data", data, "init", "--server-name", "example.org"]);
  const outcome = await runBurrow(["--data", data, "owner", "create", "ada", "--password-stdin"], {
    input: "short-one\n",
  });
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /16/);
  assert.ok(!outcome.stderr.includes("short-one"));
});

test("API keys are made for a purpose and a time, listed without their secret, and revoked", async (t) => {
  const burrow = await claimedFolder(t);
  const create = ["key", "create", "--scope", "metrics,admin:read"];
  const made = (await burrow(...create, "--expires", "90d", "--name", "Prometheus")).json();
  assert.match(String(made["secret"]), /^burrow_key_/);
  assert.deepEqual([made["member"], made["scopes"]], ["ada", ["metrics", "admin:read"]]);
  const listed = await burrow("key", "list");
  assert.ok(!listed.stdout.includes(String(made["secret"])));
  const [row] = listed.json()["keys"] as Record<string, unknown>[];
  assert.deepEqual([row?.["name"], row?.["state"], row?.["last_used_at"]], ["Prometheus", "good", null]);
  for (const wrong of [
    create,
    [...create, "--expires", "soon"],
    ["key", "create", "--expires", "1d"],
    ["key", "create", "--scope", "*", "--expires", "1d"],
  ]) {
    assert.equal((await burrow(...wrong)).code, 2, wrong.join(" "));
  }
  assert.equal((await burrow(...create, "--expires", "400d")).code, 1);
  assert.equal((await burrow(...create, "--expires", "1d", "--member", "ben")).code, 1);
  assert.deepEqual((await burrow("key", "revoke", "1")).json(), { id: 1, revoked: true });
  assert.equal((await burrow("key", "revoke", "1")).code, 1);
  assert.equal(((await burrow("key", "list")).json()["keys"] as { state: string }[])[0]?.state, "revoked");
});

test("reset-factors tells what a member had", async (t) => {
  const burrow = await claimedFolder(t);
  const reset = (await burrow("member", "reset-factors", "ada")).json();
  assert.deepEqual(
    [reset["name"], reset["passkeys"], reset["totp"], reset["recovery_codes"]],
    ["ada", 0, false, 0],
  );
  assert.equal((await burrow("member", "reset-factors", "ben")).code, 1);
});

test("invites are made, listed without their secret, and revoked", async (t) => {
  const burrow = await claimedFolder(t);
  const made = (await burrow("invite", "create", "--name", "Ben", "--uses", "2", "--expires", "12h")).json();
  assert.deepEqual(Object.keys(made), ["id", "token", "url", "expires_at"]);
  assert.equal(made["url"], `https://example.org/invite#${String(made["token"])}`);
  const hours = (Date.parse(String(made["expires_at"])) - Date.now()) / 3_600_000;
  assert.ok(hours > 11.9 && hours <= 12, String(hours));

  const listed = await burrow("invite", "list");
  assert.ok(!listed.stdout.includes(String(made["token"])));
  const [invite] = listed.json<{ invites: Record<string, unknown>[] }>().invites;
  assert.deepEqual([invite?.["name"], invite?.["state"], invite?.["uses_allowed"]], ["Ben", "open", 2]);

  assert.equal((await burrow("invite", "revoke", String(made["id"]))).code, 0);
  const after = (await burrow("invite", "list")).json<{ invites: Record<string, unknown>[] }>().invites;
  assert.equal(after[0]?.["state"], "revoked");
  assert.equal((await burrow("invite", "revoke", "999")).code, 1);
});

test("no invite before there is an owner", async (t) => {
  const data = join(temporaryFolder(t), "data");
  await runBurrow(["--data", data, "init", "--server-name", "example.org"]);
  const outcome = await runBurrow(["--data", data, "invite", "create"]);
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /owner create/);
});

test("members are listed, and an unknown one is told as such", async (t) => {
  const burrow = await claimedFolder(t);
  const [ada] = (await burrow("member", "list")).json<{ members: Record<string, unknown>[] }>().members;
  assert.deepEqual(
    [ada?.["name"], ada?.["user_id"], ada?.["role"], ada?.["state"]],
    ["ada", "@ada:example.org", "owner", "active"],
  );
  const outcome = await burrow("member", "suspend", "cleo");
  assert.equal(outcome.code, 1);
  assert.match(String(outcome.json()["message"]), /no member cleo/);
  // The owner cannot lock themselves out.
  assert.equal((await burrow("member", "suspend", "ada")).code, 1);
});

test("a reset password replaces the old one", async (t) => {
  const burrow = await claimedFolder(t);
  const made = (await burrow("member", "reset-password", "ada")).json();
  assert.equal(made["name"], "ada");
  assert.match(String(made["password"]), /^[a-z2-9]{5}(-[a-z2-9]{5}){4}$/);
  const chosen = await burrow("member", "reset-password", "ada", "--password-stdin");
  assert.deepEqual(Object.keys(chosen.json()), ["name", "signed_out"]);
});

const misuse: string[][] = [
  ["frobnicate"],
  ["invite"],
  ["invite", "crate"],
  ["invite", "create", "--uses", "0"],
  ["invite", "create", "--uses", "many"],
  ["invite", "create", "--expires", "soon"],
  ["invite", "create", "--expires", "0d"],
  ["invite", "revoke"],
  ["invite", "revoke", "x"],
  ["member", "suspend"],
  ["member", "suspend", "a", "b"],
  ["up", "--edge-port", "1"],
  ["doctor", "--nonsense"],
  ["init"],
  ["init", "--server-name", "Not A Name"],
  ["dev", "--edge-port", "70000"],
];
for (const args of misuse) {
  test(`bad usage is exit 2 with a hint: ${args.join(" ")}`, async (t) => {
    const data = temporaryFolder(t);
    const failures: Failure[] = [];
    assert.equal(await runCommandLine(["--data", data, ...args], (failure) => failures.push(failure)), 2);
    assert.equal(failures.length, 1);
    assert.ok(!/\n\s+at /.test(failures[0]?.message ?? ""), failures[0]?.message);
    assert.deepEqual(readdirSync(data), []);
  });
}

test("the exit code and the words reach the shell", async () => {
  const plain = await runBurrow(["frobnicate"]);
  assert.deepEqual([plain.code, plain.stdout], [2, ""]);
  assert.match(plain.stderr, /^burrow: There is no command "frobnicate"/);
  const json = await runBurrow(["frobnicate", "--json"]);
  assert.deepEqual([json.code, json.stderr, json.json()["error"]], [2, "", "usage"]);
});

test("help and version answer on standard output", async () => {
  const help = await runBurrow(["--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /invite create/);
  const one = await runBurrow(["invite", "create", "--help"]);
  assert.match(one.stdout, /--expires 7d/);
  const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
    version: string;
  };
  assert.equal((await runBurrow(["--version"])).stdout, `${version}\n`);
});

test("bin/burrow works through a link, from any folder, with a space in its path", async (t) => {
  const folder = temporaryFolder(t);
  symlinkSync(join(projectRoot, "bin", "burrow"), join(folder, "one"));
  symlinkSync("one", join(folder, "two words"));
  const { spawnSync } = await import("node:child_process");
  const { status, stdout } = spawnSync(join(folder, "two words"), ["--version"], {
    cwd: "/",
    encoding: "utf8",
  });
  assert.equal(status, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test("doctor passes a fresh folder, and fails with what to do for a bad one", async (t) => {
  const data = join(temporaryFolder(t), "data");
  const doctor = async () => {
    const outcome = await runCommand(["--data", data, "--json", "doctor"]);
    const { checks, ok } = outcome.json<{
      checks: { name: string; status: string; detail: string; why?: string; mend?: string }[];
      ok: boolean;
    }>();
    return {
      code: outcome.code,
      ok,
      checks,
      find: (name: string) => checks.find((check) => check.name === name),
    };
  };
  const missing = await doctor();
  assert.deepEqual([missing.code, missing.ok, missing.find("data-folder")?.status], [1, false, "failed"]);
  await runCommand(["--data", data, "init", "--server-name", "burrow.localhost"]);
  const fresh = await doctor();
  assert.deepEqual([fresh.code, fresh.ok], [0, true]);
  assert.equal(fresh.find("daemon")?.status, "warning");

  chmodSync(join(data, "secrets", "edge-key"), 0o644);
  writeFileSync(join(data, "burrow.toml"), 'server_name = "burrow.localhost"\ncolour = "red"\n');
  mkdirSync(join(data, "databases"), { recursive: true });
  writeFileSync(
    join(data, "databases", "members.db"),
    "this is no database, and long enough to be one ".repeat(100),
  );
  const bad = await doctor();
  assert.equal(bad.code, 1);
  assert.match(bad.find("secrets")?.mend ?? "", /chmod 600/);
  assert.match(bad.find("config")?.detail ?? "", /colour/);
  assert.match(bad.find("database members")?.mend ?? "", /restore a backup/);
  // Every row that is not well says why it matters and what mends it.
  for (const check of [missing, fresh, bad].flatMap((outcome) => outcome.checks)) {
    if (check.status !== "ok") assert.ok(check.why && check.mend, JSON.stringify(check));
  }
});

test("up refuses root unless told", { skip: process.getuid?.() !== 0 && "not root" }, async (t) => {
  const data = join(temporaryFolder(t), "data");
  await runBurrow(["--data", data, "init", "--server-name", "example.org"]);
  const outcome = await runBurrow(["--data", data, "up"]);
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /--allow-root/);
  assert.ok(!existsSync(join(data, "databases")));
});

test("up refuses a development folder", async (t) => {
  const data = join(temporaryFolder(t), "data");
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(join(data, "burrow.toml"), 'mode = "development"\nserver_name = "burrow.localhost"\n');
  const outcome = await runBurrow(["--data", data, "up", "--allow-root"]);
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /BURROW_ALLOW_DEV_MODE/);
});
