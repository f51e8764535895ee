/** K1 and K2 over a whole set-up: every secret that `rotate` and the settings know, wherever the daemon writes. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test, type TestContext } from "node:test";

import { rotate } from "../../origin/cli/rotate.ts";
import { readConfig } from "../../origin/config/read-config.ts";
import { SecretError, secretFile, secretNames } from "../../origin/config/secrets.ts";
import { readArchive, untrustedImport } from "../../origin/host/archive/archive.ts";
import { createBackups } from "../../origin/host/backup/backup.ts";
import { coreArea } from "../../origin/host/backup/registry.ts";
import { openHostDatabase } from "../../origin/host/host-database.ts";
import { createLog } from "../../origin/host/log.ts";
import { startOrigin } from "../../origin/main.ts";
import { openDatabases } from "../../origin/storage/databases.ts";
import { runCommand } from "../support/run-command.ts";
import { runBurrow } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const given: Readonly<Record<string, string>> = {
  "tunnel-token": Buffer.from(`{"a":"${"7c1f".repeat(8)}","s":"Zm94Z2xvdmUtNTE3Nw=="}`).toString("base64"),
  "alert-token": "tk-plover/quixotic+8812?marmalade",
  "s3-secret": "9f+Gusty/Larkspur&Thimble=2207%brook",
  "cloudflare-list-token": "x7Gorse_Lantern-Pebble4410Quill_Tansy",
  "mail-bucket-secret": "4c+Windfall/Tansy&Cobble=8830%reed",
  "mail-relay-password": "7q Larkspur;Tinder&Quoin=4471%gale",
};
const serviceKey = "wax and feathers: 2201/ä";
const topic = "kestrel-3391-hollow";
const hook = "juniper/6650/salt?k=ember";

interface Setup {
  readonly data: string;
  readonly services: string;
  /** All that must not be seen, by what it is. */
  readonly secrets: ReadonlyMap<string, string>;
}

/** Everything that a set-up can have, made by the commands that make it. */
async function setUp(t: TestContext): Promise<Setup> {
  const folder = temporaryFolder(t);
  const data = join(folder, "data");
  const run = async (words: string[], input?: string) => {
    const outcome = await runCommand(["--data", data, ...words], input);
    assert.equal(outcome.code, 0, outcome.stdout);
  };
  await run(["init", "--server-name", "example.org"]);
  const names = /\((.*)\)/.exec(rotate.summary)?.[1]?.split(", ") ?? [];
  assert.ok(names.length >= 6);
  for (const name of names) await run(["rotate", name], given[name]);
  await run(["config", "set", "alerts.ntfy_url", "--stdin"], `https://127.0.0.1:9/${topic}`);
  await run(["config", "set", "alerts.webhook_url", "--stdin"], `https://127.0.0.1:9/${hook}`);

  const secrets = new Map([
    ["the service's key", serviceKey],
    ["ntfy topic", topic],
    ["webhook", hook],
  ]);
  for (const file of [
    ...secretNames.map((name) => secretFile(data, name)),
    join(data, "backup-identity.txt"),
  ]) {
    const lines = readFileSync(file, "utf8").split("\n");
    // Beside the keys, the backups' files have what is no secret: the recipient, and the name of their line.
    const isSecret = (line: string) => line !== "" && !/^(?:#|age1|[0-9a-f]{32}$)/.test(line);
    for (const [index, line] of lines.filter(isSecret).entries()) {
      secrets.set(`${file} ${index}`, line.replace(/^(?:k[0-9a-f]{8}|[er]s256)\./, ""));
    }
  }
  // There are two keys in oidc-keys, and two secrets more in the identity of the backups.
  assert.deepEqual(secrets.size, 3 + secretNames.length + 1 + 2);

  mkdirSync(join(folder, "config"), { mode: 0o700 });
  writeFileSync(join(folder, "config", "n.env"), `NOTES_KEY=${serviceKey}\n`, { mode: 0o600 });
  const said = [...secrets.values()].flatMap((secret) => forms.map((form) => `said ${form(secret)}.`));
  writeFileSync(join(folder, "config", "said.txt"), `${said.join("\n")}\nall of it\n`);
  const services = join(folder, "config", "services.toml");
  writeFileSync(
    services,
    `[[service]]\nname = "gossip"\ncommand = ["/bin/cat", ${JSON.stringify(join(folder, "config", "said.txt"))}]\nenv_file = "n.env"\nenv_names = ["NOTES_KEY"]\n`,
    { mode: 0o600 },
  );
  return { data, services, secrets };
}

const forms: readonly ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => encodeURIComponent(secret),
  (secret) => Buffer.from(secret).toString("base64"),
  (secret) => Buffer.from(secret).toString("base64url"),
  (secret) => Buffer.from(secret).toString("hex"),
  (secret) => Buffer.from(secret).toString("hex").toUpperCase(),
];

test("no secret of a whole set-up is in the log, a service's log, an alert, doctor's rows or the diagnostics", async (t) => {
  const { data, services, secrets } = await setUp(t);
  const seen = new Map<string, string>();
  let lines = "";
  const ended = Promise.withResolvers<void>();
  const log = createLog({
    level: "debug",
    now: Date.now,
    write(line) {
      lines += line;
      if (line.includes('"service.ended"')) ended.resolve();
    },
  });
  const origin = await startOrigin({
    config: readConfig({ dataDir: data, environment: {} }),
    log,
    servicesFile: services,
  });
  for (const [index, secret] of [...secrets.values()].entries()) {
    for (const form of forms)
      log.warn("something", { text: form(secret), error: new Error(`x ${form(secret)}`) });
    const detail = forms.map((form) => form(secret)).join(" and ");
    origin.alerts.raise({ id: `odd-${index}`, severity: "critical", title: secret, detail });
  }
  seen.set("alerts", JSON.stringify(origin.alerts.open()));
  await ended.promise;
  const options = { environment: { BURROW_SERVICES: services } };
  seen.set("doctor --json", (await runBurrow(["--data", data, "--json", "doctor"], options)).stdout);
  seen.set("alerts list", (await runBurrow(["--data", data, "--json", "alerts", "list"], options)).stdout);
  seen.set("config show", (await runBurrow(["--data", data, "--json", "config", "show"], options)).stdout);
  await origin.close();
  // As a daemon of an earlier version, or another program, may have left it.
  writeFileSync(join(data, "logs", "old.log"), readFileSync(join(services, "..", "said.txt")));
  const zip = join(data, "..", "diagnostics.zip");
  seen.set("the command", (await runBurrow(["--data", data, "diagnostics", "--to", zip], options)).stdout);
  await readArchive(zip, untrustedImport, async ({ path, stream }) => {
    seen.set(`diagnostics: ${path}`, (await buffer(stream)).toString("utf8"));
  });
  seen.set("log", lines);
  for (const name of readdirSync(join(data, "logs"))) {
    if (name !== "old.log") seen.set(name, readFileSync(join(data, "logs", name), "utf8"));
  }

  assert.match(seen.get("gossip.log") ?? "", /said \[redacted\]/);
  assert.match(seen.get("gossip.log") ?? "", /all of it/);
  assert.match(seen.get("diagnostics: logs/old.log") ?? "", /said \[redacted\]/);
  assert.match(seen.get("doctor --json") ?? "", /alert odd-0/);
  const found = [...seen].flatMap(([where, text]) =>
    [...secrets].flatMap(([what, secret]) =>
      forms.flatMap((form, index) =>
        text.includes(form(secret)) ? [`${what} in ${where}, form ${index}`] : [],
      ),
    ),
  );
  assert.deepEqual(found, []);
});

test("the keys that a first backup makes while the daemon runs are in no line either", async (t) => {
  const data = join(temporaryFolder(t), "data");
  await runCommand(["--data", data, "init", "--server-name", "example.org"]);
  let lines = "";
  const log = createLog({ level: "debug", now: Date.now, write: (line) => (lines += line) });
  const config = readConfig({ dataDir: data, environment: {} });
  const databases = openDatabases(data);
  const database = openHostDatabase(databases);
  const backups = createBackups({
    config,
    areas: [coreArea],
    database,
    outbound: undefined,
    log,
    now: Date.now,
  });
  await backups.create();
  const made = [
    readFileSync(secretFile(data, "backup-signing-key"), "utf8").split("\n")[2] ?? "",
    readFileSync(join(data, "backup-identity.txt"), "utf8").trim().split("\n").at(-1) ?? "",
  ];
  for (const secret of made) for (const form of forms) log.info("x", { text: form(secret) });
  assert.ok(made.every((secret) => secret.length > 40));
  for (const secret of made) for (const form of forms) assert.ok(!lines.includes(form(secret)), form(secret));
  await backups.close();
  await databases.close();
});

for (const name of secretNames) {
  test(`${name} that others may read stops the start`, async (t) => {
    const data = join(temporaryFolder(t), "data");
    await runCommand(["--data", data, "init", "--server-name", "example.org"]);
    if (name !== "edge-key") writeFileSync(secretFile(data, name), "a secret of any form\n");
    chmodSync(secretFile(data, name), 0o640);
    const log = createLog({ level: "error", now: Date.now, write: () => {} });
    await assert.rejects(
      startOrigin({ config: readConfig({ dataDir: data, environment: {} }), log }),
      (error) =>
        error instanceof SecretError && error.message.includes(`chmod 600 "${secretFile(data, name)}"`),
    );
  });
}
