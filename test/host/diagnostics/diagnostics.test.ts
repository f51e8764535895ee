import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test, type TestContext } from "node:test";

import { secretFile, secretNames } from "../../../origin/config/secrets.ts";
import { readArchive, untrustedImport } from "../../../origin/host/archive/archive.ts";
import { describeDatabases } from "../../../origin/host/diagnostics/describe-databases.ts";
import { readTail } from "../../../origin/host/diagnostics/read-tail.ts";
import { hostMigrations } from "../../../origin/host/host-database.ts";
import { openDatabases } from "../../../origin/storage/databases.ts";
import { runBurrow } from "../../support/run-burrow.ts";
import { runCommand } from "../../support/run-command.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

async function unpack(path: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  await readArchive(path, untrustedImport, async ({ path: name, stream }) => {
    files.set(name, (await buffer(stream)).toString("utf8"));
  });
  return files;
}

/** The ways in which a secret gets into a log: as it is, encoded, or inside something that is encoded. */
const forms: ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => encodeURIComponent(secret),
  (secret) => Buffer.from(secret).toString("base64"),
  (secret) => Buffer.from(secret).toString("base64url"),
  (secret) => Buffer.from(secret).toString("hex"),
  (secret) => Buffer.from(secret).toString("hex").toUpperCase(),
  (secret) => JSON.stringify(secret).slice(1, -1),
  (secret) => Buffer.from(`ada:${secret}`).toString("base64"),
  (secret) => JSON.stringify({ text: `{"deep":${JSON.stringify(secret)}}` }),
];

interface Planted {
  readonly data: string;
  readonly secrets: readonly string[];
}

/** A folder whose every secret is random, and has got into every place that diagnostics look at. */
async function plant(t: TestContext): Promise<Planted> {
  const folder = temporaryFolder(t);
  const data = join(folder, "data");
  await runCommand(["--data", data, "init", "--server-name", "example.org"]);
  const random = () => randomBytes(18 + randomInt(30)).toString(randomInt(2) === 0 ? "base64" : "hex");
  const secrets: string[] = [];
  const hide = (secret: string) => secrets.push(secret) && secret;
  for (const name of secretNames) {
    const key = randomBytes(32).toString("base64url");
    const content = name === "edge-key" ? `k0123abcd.${hide(key)}` : hide(random());
    writeFileSync(secretFile(data, name), `${content}\n`, { mode: 0o600 });
  }
  const topic = hide(randomBytes(12).toString("hex"));
  writeFileSync(
    join(data, "burrow.toml"),
    `server_name = "example.org"\n[alerts]\nntfy_url = "https://ntfy.example.org/${topic}"\n`,
    { mode: 0o600 },
  );
  writeFileSync(
    join(data, "backup-identity.txt"),
    `# instance: 00\n${hide(`AGE-SECRET-KEY-1${randomBytes(29).toString("hex").toUpperCase()}`)}\n`,
    { mode: 0o600 },
  );

  const lines = secrets.flatMap((secret) => forms.map((form) => `line ${form(secret)} end`));
  mkdirSync(join(data, "logs"), { recursive: true });
  writeFileSync(join(data, "logs", "origin.log"), `${lines.join("\n")}\n`);
  writeFileSync(join(data, "logs", "cloudflared.log"), lines.toReversed().join(" "));
  const databases = openDatabases(data);
  const host = databases.open("host", hostMigrations);
  await host.write(() => {
    const insert = host.prepare(
      "INSERT INTO alert (id, severity, title, detail, raised_at, last_raised_at) VALUES (?, 'warning', ?, ?, 0, 0)",
    );
    for (const [index, secret] of secrets.entries())
      insert.run(`a${index}`, secret, forms[index % forms.length]!(secret));
  });
  await databases.close();
  return { data, secrets };
}

test("no configured secret, in any form, is in what the export unpacks to", async (t) => {
  const { data, secrets } = await plant(t);
  assert.ok(secrets.length >= 8);
  const path = join(dirname(data), "out.zip");
  const outcome = await runBurrow(["--data", data, "--json", "diagnostics", "--to", path], {
    environment: { BURROW_ALERTS_WEBHOOK_URL: `https://example.org/${secrets[1]}` },
  });
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  // Nothing else was left behind.
  assert.deepEqual(readdirSync(dirname(data)).toSorted(), ["data", "out.zip"]);

  const files = await unpack(path);
  for (const name of ["about.json", "settings.json", "doctor.json", "alerts.json", "databases.json"]) {
    assert.ok((files.get(name) ?? "").length > 20, name);
  }
  assert.match(files.get("logs/origin.log") ?? "", /line .* end/);
  assert.match(files.get("settings.json") ?? "", /"configured"/);
  for (const [name, text] of [...files, ["the answer", outcome.stdout + outcome.stderr] as const]) {
    for (const secret of secrets) {
      for (const form of forms.slice(0, 7))
        assert.ok(!text.includes(form(secret)), `${form(secret)} in ${name}`);
    }
  }
});

test("the export works where the server would not start, and says what is broken", async (t) => {
  const folder = temporaryFolder(t);
  const data = join(folder, "data");
  mkdirSync(join(data, "databases"), { recursive: true });
  mkdirSync(join(data, "logs"));
  writeFileSync(join(data, "burrow.toml"), "server_name = \n");
  writeFileSync(join(data, "databases", "host.db"), "no database at all ".repeat(300));
  // A link in the logs' folder leads out of it.
  writeFileSync(join(folder, "private.txt"), "somebody's private text");
  symlinkSync(join(folder, "private.txt"), join(data, "logs", "evil.log"));
  const path = join(folder, "out.zip");
  const outcome = await runCommand(["--data", data, "diagnostics", "--to", path]);
  assert.equal(outcome.code, 0, outcome.stderr);
  const files = await unpack(path);
  assert.match(files.get("databases.json") ?? "", /not a database/);
  assert.match(files.get("doctor.json") ?? "", /"failed"/);
  assert.ok(![...files.values()].join("").includes("private text"));
  const again = await runCommand(["--data", data, "diagnostics", "--to", path]);
  assert.equal(again.code, 1);
  assert.match(again.stdout, /is there already/);
  rmSync(path);
  assert.equal((await runCommand(["--data", join(folder, "none"), "diagnostics", "--to", path])).code, 1);
  assert.ok(!existsSync(path) && !existsSync(join(folder, "none")));
});

test("of a long log the last whole lines, and not the half of a key that the cut leaves", (t) => {
  const path = join(temporaryFolder(t), "long.log");
  const key = `-----BEGIN PRIVATE KEY-----\n${"A".repeat(64)}\n${"B".repeat(64)}\n-----END PRIVATE KEY-----\n`;
  writeFileSync(path, `${"first\n".repeat(100)}${key}the last line\n`);
  const tail = readTail(path, 120);
  assert.equal(tail.trim(), "the last line");
  assert.equal(readTail(path, 10_000).length, statSync(path).size);
  writeFileSync(path, "x".repeat(50_000));
  assert.equal(readTail(path, 1_000), "");
});

test("databases are described by sizes and counts, without a row of them", async (t) => {
  const data = temporaryFolder(t);
  const databases = openDatabases(data);
  const host = databases.open("host", hostMigrations);
  await host.write(() => {
    const insert = host.prepare("INSERT INTO fact (name, value, noted_at) VALUES (?, 'a private thing', 0)");
    for (let index = 0; index < 50; index += 1) insert.run(`fact ${index}`);
  });
  const [found] = describeDatabases(data);
  assert.equal(found?.name, "host");
  assert.equal(found.schema, hostMigrations.length);
  assert.equal(found.tables["fact"]?.rows, 50);
  assert.ok(found.bytes > 0 && found.pages > 0);
  assert.ok(!JSON.stringify(found).includes("private"));
  await databases.close();
});
