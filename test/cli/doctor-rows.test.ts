import assert from "node:assert/strict";
import { chmodSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";

import type { App, Check } from "../../origin/app.ts";
import { readAppChecks } from "../../origin/cli/doctor/apps.ts";
import { checkBackups } from "../../origin/cli/doctor/backups.ts";
import { checkHeartbeat } from "../../origin/cli/doctor/heartbeat.ts";
import { checkSecrets } from "../../origin/cli/doctor/keys.ts";
import { checkDatabases } from "../../origin/cli/doctor/data.ts";
import { checkMemberKeys } from "../../origin/cli/doctor/member-keys.ts";
import { checkModes } from "../../origin/cli/doctor/modes.ts";
import { checkPanic } from "../../origin/cli/doctor/panic.ts";
import { checkQuestions, factOf } from "../../origin/cli/doctor/questions.ts";
import { checkSsh, sshConfigFile } from "../../origin/cli/doctor/ssh.ts";
import { beginEdgeKey } from "../../origin/config/rotate-secret.ts";
import { createSecrets, secretFile, writeSecret } from "../../origin/config/secrets.ts";
import { openBackupHistory } from "../../origin/host/backup/backup-history.ts";
import { identityFile } from "../../origin/host/backup/backup-keys.ts";
import { openPanicDatabase } from "../../origin/gate/panic/panic-database.ts";
import { createPanicLatch } from "../../origin/gate/panic/panic-latch.ts";
import { noteFact } from "../../origin/host/facts.ts";
import { heartbeatFact } from "../../origin/host/heartbeat.ts";
import { openHostDatabase } from "../../origin/host/host-database.ts";
import { createLog } from "../../origin/host/log.ts";
import { noteAppChecks } from "../../origin/host/note-app-checks.ts";
import type { Key } from "../../origin/members/keys/keys.ts";
import { openDatabases } from "../../origin/storage/databases.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const now = 1_800_000_000_000;
const day = 86_400_000;

function host(t: TestContext) {
  const databases = openDatabases(temporaryFolder(t));
  t.after(() => databases.close());
  return openHostDatabase(databases);
}

/** Every row that is not well says why it matters and what mends it. */
function states(checks: readonly Check[]): string[] {
  for (const { status, why, mend } of checks) if (status !== "ok") assert.ok(why && mend);
  return checks.map(({ name, status }) => `${name} ${status}`);
}

test("databases: a damaged one, and any that a newer version wrote, are told with what to do", async (t) => {
  const dataDir = temporaryFolder(t);
  const schemas = new Map([
    ["good", 1],
    ["newer", 1],
    ["damaged", 1],
  ]);
  const databases = openDatabases(dataDir);
  const step = { name: "a", sql: "CREATE TABLE a (b)" };
  databases.open("good", [step]);
  databases.open("newer", [step, { name: "c", sql: "CREATE TABLE c (d)" }]);
  await databases.close();
  writeFileSync(join(dataDir, "databases", "damaged.db"), "no database at all ".repeat(300));
  const checks = checkDatabases(dataDir, schemas);
  assert.deepEqual(states(checks).toSorted(), [
    "database damaged failed",
    "database good ok",
    "database newer failed",
  ]);
  assert.match(checks.find(({ name }) => name === "database newer")?.mend ?? "", /newer version/);
});

function ssh(t: TestContext, files: Record<string, string>): Check {
  const folder = temporaryFolder(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const check = checkSsh(join(folder, "sshd_config"));
  states([check]);
  return check;
}

const closed = "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n";

test("ssh: keys only and no root is well, also by an older keyword, in quotes, with = and in a file that is included", (t) => {
  for (const files of [
    { sshd_config: closed },
    {
      sshd_config:
        'passwordauthentication=no\nChallengeResponseAuthentication "no"\n  PermitRootLogin   no # never\n',
    },
    {
      sshd_config: "Include sshd_config.d/*.conf\nPasswordAuthentication yes\n",
      "sshd_config.d/10-own.conf": closed,
    },
    { sshd_config: "AuthenticationMethods publickey,password publickey\nPermitRootLogin no\n" },
  ]) {
    assert.equal(ssh(t, files).status, "ok", JSON.stringify(files));
  }
});

test("ssh: what lets a guesser or root in is told, the defaults too", (t) => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ sshd_config: "" }, /passwords are taken; .*keyboard-interactive.*root may sign in with a key/],
    [{ sshd_config: "PasswordAuthentication no\nPermitRootLogin no\n" }, /keyboard-interactive/],
    [{ sshd_config: closed.replace("Login no", "Login yes") }, /root may sign in\./],
    // The first value holds: the file that is included first decides.
    [
      {
        sshd_config: `Include sshd_config.d/*.conf\n${closed}`,
        "sshd_config.d/50-cloud.conf": "PasswordAuthentication yes\n",
      },
      /passwords are taken/,
    ],
    [{ sshd_config: `${closed}Match Address 192.0.2.0/24\n  PasswordAuthentication yes\n` }, /a Match block/],
    [{ sshd_config: `Match User ada\n${closed}` }, /passwords are taken/],
    [{ sshd_config: "AuthenticationMethods any\nPermitRootLogin no\n" }, /passwords are taken/],
  ];
  for (const [files, expected] of cases) {
    const check = ssh(t, files);
    assert.equal(check.status, "warning");
    assert.match(check.detail, expected);
  }
  // A file that includes itself does not go round for ever.
  assert.equal(ssh(t, { sshd_config: `Include sshd_config\n${closed}` }).status, "ok");
});

test("ssh: where there is none it is well; Termux has its own place", (t) => {
  assert.equal(checkSsh(join(temporaryFolder(t), "none")).status, "ok");
  assert.equal(sshConfigFile({}), "/etc/ssh/sshd_config");
  const prefix = "/data/data/com.termux/files/usr";
  assert.equal(sshConfigFile({ PREFIX: prefix }), `${prefix}/etc/ssh/sshd_config`);
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "sshd_config"));
  assert.equal(checkSsh(join(folder, "sshd_config")).status, "warning");
});

test("secrets: each is checked, an old one is to be exchanged, an exchange is to be finished", (t) => {
  const dataDir = temporaryFolder(t);
  createSecrets(dataDir);
  const age = (name: "edge-key" | "tunnel-token" | "alert-token", days: number) => {
    const time = new Date(now - days * day);
    utimesSync(secretFile(dataDir, name), time, time);
  };
  age("edge-key", 10);
  assert.deepEqual(states(checkSecrets(dataDir, now)), ["secrets ok"]);
  writeSecret(dataDir, "tunnel-token", "eyJ");
  writeSecret(dataDir, "alert-token", "tk_x");
  age("tunnel-token", 400);
  // Of a token that somebody else gave out, its own side says when it ends.
  age("alert-token", 4_000);
  age("edge-key", 367);
  const old = checkSecrets(dataDir, now);
  assert.deepEqual(states(old), ["secrets ok", "edge-key warning", "tunnel-token warning"]);
  assert.equal(old[1]?.mend, "burrow rotate edge-key");
  age("tunnel-token", 1);
  beginEdgeKey(dataDir);
  age("edge-key", 1);
  assert.deepEqual(states(checkSecrets(dataDir, now)), ["secrets ok", "edge-key ok"]);
  age("edge-key", 8);
  assert.match(checkSecrets(dataDir, now)[1]?.mend ?? "", /--finish/);
  chmodSync(secretFile(dataDir, "alert-token"), 0o644);
  const open = checkSecrets(dataDir, now).find((check) => check.status === "failed");
  assert.match(`${open?.detail} ${open?.mend}`, /can be read by other users.*chmod 600/);
});

test("modes: a folder that others may look into is told with what is open in it", (t) => {
  const dataDir = temporaryFolder(t);
  assert.equal(checkModes(dataDir).status, "ok");
  mkdirSync(join(dataDir, "databases"), { mode: 0o755 });
  writeFileSync(join(dataDir, "databases", "members.db"), "", { mode: 0o644 });
  chmodSync(dataDir, 0o755);
  const check = checkModes(dataDir);
  assert.deepEqual(states([check]), ["modes warning"]);
  assert.match(check.detail, /2 files or folders/);
});

test("a panic in force is a failure until it is ended, and so is a latch that cannot be read", async (t) => {
  const dataDir = temporaryFolder(t);
  assert.deepEqual(states([await checkPanic(dataDir)]), ["panic ok"]);
  const database = openPanicDatabase(dataDir);
  await createPanicLatch(database, () => now).set("logins");
  await database.close();
  const inForce = await checkPanic(dataDir);
  assert.deepEqual(states([inForce]), ["panic failed"]);
  assert.match(`${inForce.detail} ${inForce.mend}`, /logins .* 2027-01-15.* burrow panic clear/);
  writeFileSync(join(dataDir, "panic.db"), "no database, for as long as one is looked at. ".repeat(100));
  assert.deepEqual(states([await checkPanic(dataDir)]), ["panic failed"]);
});

test("signs of life: never taken, taken lately, and missed", async (t) => {
  const database = host(t);
  assert.deepEqual(states([checkHeartbeat(database, now)]), ["heartbeat warning"]);
  await noteFact(database, heartbeatFact, { value: "none", notedAt: now });
  assert.deepEqual(states([checkHeartbeat(database, now + 600_000)]), ["heartbeat ok"]);
  assert.deepEqual(states([checkHeartbeat(database, now + 1_000_000)]), ["heartbeat warning"]);
});

test("the yearly questions are asked until they are confirmed, and again after a year", async (t) => {
  const database = host(t);
  assert.deepEqual(states(checkQuestions(database, now, true)), [
    "screen-lock warning",
    "device-encryption warning",
    "remote-wipe warning",
    "adb-authorisations warning",
    "cloudflare-2fa warning",
  ]);
  assert.equal(checkQuestions(database, now, false).length, 2);
  const stateAt = async (notedAt: number) => {
    await noteFact(database, factOf("cloudflare-2fa"), { value: "yes", notedAt });
    return states(checkQuestions(database, now, false))[1];
  };
  assert.equal(await stateAt(now - 300 * day), "cloudflare-2fa ok");
  assert.equal(await stateAt(now - 370 * day), "cloudflare-2fa warning");
  assert.equal(await stateAt(now + day), "cloudflare-2fa warning");
});

test("backups: none, good, late, failed, never restored, and an identity that was left on the device", async (t) => {
  const dataDir = temporaryFolder(t);
  const database = host(t);
  const history = openBackupHistory(database);
  const look = () => states(checkBackups(dataDir, database, now));
  const run = async (kind: "backup" | "drill", at: number, ok: boolean) => {
    const id = await history.begin(kind, at);
    await history.end(id, { ok, detail: ok ? "" : "the disk was full", endedAt: at + 1 });
  };
  assert.deepEqual(look(), ["backup warning", "backup-identity ok"]);
  await run("backup", now - 3 * day, true);
  assert.deepEqual(look(), ["backup warning", "restore-drill warning", "backup-identity ok"]);
  await run("backup", now - day, true);
  await run("drill", now - 7 * day, true);
  assert.deepEqual(look(), ["backup ok", "restore-drill ok", "backup-identity ok"]);
  // One that is under way now is no failure.
  await history.begin("backup", now);
  assert.deepEqual(look(), ["backup ok", "restore-drill ok", "backup-identity ok"]);
  await run("drill", now, false);
  writeFileSync(identityFile(dataDir), "");
  assert.deepEqual(look(), ["backup ok", "restore-drill failed", "backup-identity failed"]);
  assert.match(checkBackups(dataDir, database, now)[1]?.detail ?? "", /the disk was full/);
});

test("what the apps say of themselves in the daemon is in doctor's rows, without secrets", async (t) => {
  const database = host(t);
  const log = createLog({ level: "error", now: () => now, write: () => {} });
  log.hide("a-secret-of-mail");
  const doctor = (work: () => Check[]) => ({ name: "mail", doctor: work }) as unknown as App;
  const apps = [
    doctor(() => [{ name: "queue", status: "warning", detail: "12 wait for a-secret-of-mail" }]),
    doctor(() => {
      throw new Error("it broke");
    }),
    { name: "home" } as App,
  ];
  assert.deepEqual(readAppChecks(database), []);
  await noteAppChecks({ apps, database, now: () => now, log }).close();
  assert.deepEqual(
    readAppChecks(database).map(({ name, status, detail }) => `${name} ${status}: ${detail}`),
    ["mail queue warning: 12 wait for [redacted]", "mail failed: It could not look after itself."],
  );
});

test("keys: those past their rotation age and those that nobody uses are named, ended ones are not", () => {
  let id = 0;
  const key = (kind: Key["kind"], ageDays: number, rest: Partial<Key> = {}): Key => ({
    id: (id += 1),
    kind,
    memberId: 1,
    name: "",
    scopes: ["mail"],
    createdAt: now - ageDays * day,
    expiresAt: null,
    lastUsedAt: now - day,
    lastUsedAddress: null,
    revokedAt: null,
    ...rest,
  });
  const keys = [
    key("api-key", 181),
    key("app-password", 367),
    key("api-key", 100, { lastUsedAt: null }),
    key("api-key", 179),
    key("app-password", 365),
    key("api-key", 300, { revokedAt: now - day }),
    key("api-key", 300, { expiresAt: now }),
    key("app-password", 89, { lastUsedAt: null }),
  ];
  const check = checkMemberKeys(keys, now);
  assert.deepEqual(states([check]), ["keys warning"]);
  assert.match(check.detail, /^6 .*past their rotation age: 1, 2; unused for 90 days: 3\.$/);
  assert.deepEqual(states([checkMemberKeys(keys.slice(3), now)]), ["keys ok"]);
});
