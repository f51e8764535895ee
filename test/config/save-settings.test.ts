import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { setTomlKey, TomlEditError } from "../../origin/config/edit-toml.ts";
import { ConfigError, readConfig } from "../../origin/config/read-config.ts";
import { saveSettings } from "../../origin/config/save-settings.ts";
import { type SettingName, settings } from "../../origin/config/settings.ts";
import { showSettings } from "../../origin/config/show-settings.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const topic = "https://ntfy.example.org/4f2b9c1d";

function folderWith(t: TestContext, toml: string): string {
  const dataDir = temporaryFolder(t);
  writeFileSync(join(dataDir, "burrow.toml"), toml, { mode: 0o600 });
  return dataDir;
}

const read = (dataDir: string) => readFileSync(join(dataDir, "burrow.toml"), "utf8");

test("settings that are shown have no secret, and saving them back whole changes nothing", (t) => {
  const dataDir = folderWith(t, `server_name = "example.org"\n\n[alerts]\nntfy_url = "${topic}"\n`);
  const before = read(dataDir);
  const shown = Object.fromEntries(showSettings(dataDir, {}).map(({ name, value }) => [name, value]));
  assert.equal(shown["alerts.ntfy_url"], "configured");
  assert.equal(shown["alerts.webhook_url"], "");
  assert.ok(!JSON.stringify(shown).includes("4f2b9c1d"));
  assert.deepEqual(saveSettings(dataDir, shown), []);
  assert.equal(read(dataDir), before);
  // With one of them changed, the secret still is what it was.
  assert.deepEqual(saveSettings(dataDir, { ...shown, "log.level": "debug" }), ["log.level"]);
  const config = readConfig({ dataDir, environment: {} });
  assert.deepEqual([config.log.level, config.alerts.ntfyUrl], ["debug", topic]);
});

test("no secret setting is shown, whichever there are, from the file or the environment", (t) => {
  const dataDir = folderWith(t, 'server_name = "example.org"\n');
  const names = (Object.keys(settings) as SettingName[]).filter((name) => settings[name].secret === true);
  assert.ok(names.length >= 2);
  const environment = Object.fromEntries(
    names.map((name) => [`BURROW_${name.replaceAll(".", "_").toUpperCase()}`, topic]),
  );
  for (const name of names) {
    const row = showSettings(dataDir, environment).find((shown) => shown.name === name);
    assert.deepEqual([row?.value, row?.source], ["configured", "environment"]);
  }
});

test("a change that cannot be used changes nothing, and every problem is named", (t) => {
  const dataDir = folderWith(t, 'server_name = "example.org"\n');
  const before = read(dataDir);
  const changes = {
    "log.levle": "debug",
    "log.level": "loud",
    server_name: "example.com",
    listen: "0.0.0.0:80",
  };
  assert.throws(
    () => saveSettings(dataDir, { ...changes, "edge.worker": "fine" }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.problems.length, 4);
      assert.match(error.message, /is log\.level meant/);
      assert.match(error.message, /can never change/);
      return true;
    },
  );
  // What only the whole shows: a socket's path that is too long.
  assert.throws(() => saveSettings(dataDir, { listen: `unix:${"x".repeat(120)}` }), ConfigError);
  for (const name of ["__proto__", "constructor", "alerts"]) {
    assert.throws(() => saveSettings(dataDir, JSON.parse(`{"${name}":"x"}`)), ConfigError, name);
  }
  assert.equal(read(dataDir), before);
  assert.deepEqual(readdirSync(dataDir), ["burrow.toml"]);
});

test("a file with a secret in it is its owner's alone, and stays so", (t) => {
  const dataDir = folderWith(t, 'server_name = "example.org"\n');
  chmodSync(join(dataDir, "burrow.toml"), 0o644);
  readConfig({ dataDir, environment: {} });
  saveSettings(dataDir, { "alerts.ntfy_url": topic });
  assert.equal(statSync(join(dataDir, "burrow.toml")).mode & 0o777, 0o600);
  chmodSync(join(dataDir, "burrow.toml"), 0o640);
  assert.throws(
    () => readConfig({ dataDir, environment: {} }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      return /chmod 600/.test(error.message) && !error.message.includes("4f2b9c1d");
    },
  );
});

test("comments, order and the other keys stay as they were written", () => {
  const text = `# Mine.
server_name = "example.org" # do not touch

[edge]
# The Worker.
# worker = "burrow"
# Last words of the table.

[log]
level = "info" # quiet
`;
  assert.equal(
    setTomlKey(text, "edge.worker", "other"),
    text.replace('# worker = "burrow"\n', '# worker = "burrow"\nworker = "other"\n'),
  );
  assert.equal(
    setTomlKey(text, "log.level", "debug"),
    text.replace('level = "info" # quiet', 'level = "debug"'),
  );
  assert.equal(
    setTomlKey(text, "edge.tunnel_host", "way-in.example.org"),
    text.replace("of the table.\n", 'of the table.\ntunnel_host = "way-in.example.org"\n'),
  );
  assert.equal(setTomlKey(text, "listen", "x"), text.replace("touch\n", 'touch\nlisten = "x"\n'));
  assert.match(setTomlKey(text, "matrix.max_upload_size", 5), /\n\n\[matrix\]\nmax_upload_size = 5\n$/);
  assert.equal(setTomlKey("", "listen", "x"), 'listen = "x"\n');
});

test("a value cannot break out of its line", () => {
  const text = 'server_name = "example.org"\n';
  for (const value of ['"\n[log]\nlevel = "debug"', "'''", '\\"', "# no comment", "\u0000\t"]) {
    const edited = setTomlKey(text, "edge.vpc_service", value);
    assert.ok(!/^\[log\]/m.test(edited) && edited.startsWith(text), JSON.stringify(edited));
  }
});

test("a file that is written in another way is refused, not spoilt", () => {
  for (const text of [
    'edge = { worker = "a" }\n',
    'edge.worker = "a"\n',
    'note = """\n[edge]\nworker = "in a text"\n"""\n',
    '[edge]\n"worker" = "a"\n',
  ]) {
    assert.throws(() => setTomlKey(text, "edge.worker", "b"), TomlEditError, text);
  }
});
