import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { trustedHeaders } from "../../origin/config/proxied-app.ts";
import { ConfigError, readConfig } from "../../origin/config/read-config.ts";
import { saveSettings } from "../../origin/config/save-settings.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

function read(t: TestContext, toml: string, android = false) {
  const dataDir = temporaryFolder(t);
  writeFileSync(join(dataDir, "burrow.toml"), `server_name = "example.org"\n${toml}`);
  return readConfig({ dataDir, environment: {}, android });
}

function problemsOf(t: TestContext, toml: string, android = false): string {
  try {
    read(t, toml, android);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.join("\n");
  }
  return assert.fail(`accepted: ${toml}`);
}

const notes = '[[app]]\nname = "notes"\nupstream = "http://127.0.0.1:8100"\n';

test("a name and where it listens are enough: members only, told who asks, on a host of its own", (t) => {
  const config = read(t, notes);
  const [app] = config.apps;
  assert.equal(app?.host, "notes.example.org");
  assert.deepEqual({ ...app?.upstream }, { kind: "tcp", host: "127.0.0.1", port: 8100 });
  assert.equal(app?.who, "members");
  assert.equal(app?.access, false);
  assert.deepEqual(app?.openPaths, []);
  assert.deepEqual(app?.identity?.user, ["Remote-User", "X-Auth-User"]);
  assert.equal(config.hosts.get("notes.example.org"), "app-notes");
  assert.throws(() => Object.assign(app ?? {}, { who: "everyone" }), TypeError);
});

test("every field is read, and each header that is trusted reaches the list of those that clients may not send", (t) => {
  const config = read(
    t,
    `${notes}
[[app]]
name = "wiki"
host = "wiki.example.net"
upstream = "unix:/run/wiki/http.sock"
who = ["ada", "ben"]
access = true
open_paths = ["/public", "/.well-known/wiki"]
app_passwords = true
headers = { user = "X-Webauth-User", email = "" }
groups = { editors = ["ada"], all = "members" }
secret_file = "secrets/wiki"
secret_header = "X-Wiki-Secret"
[access]
team = "example.cloudflareaccess.com"
admin = false
[[access.policy]]
host = "wiki.example.net"
aud = ["${"a".repeat(64)}"]
`,
  );
  const wiki = config.apps[1];
  assert.deepEqual({ ...wiki?.upstream }, { kind: "unix", path: "/run/wiki/http.sock" });
  assert.deepEqual(wiki?.who, ["ada", "ben"]);
  assert.deepEqual([wiki?.access, wiki?.appPasswords], [true, true]);
  assert.deepEqual(wiki?.openPaths, ["/public", "/.well-known/wiki"]);
  assert.deepEqual(
    [...(wiki?.identity?.members ?? [])],
    [
      ["editors", ["ada"]],
      ["all", "members"],
    ],
  );
  assert.deepEqual(wiki?.identity?.email, []);
  assert.equal(wiki?.secret?.file, join(config.dataDir, "secrets/wiki"));
  assert.deepEqual(trustedHeaders(config.apps), [
    "remote-email",
    "remote-groups",
    "remote-name",
    "remote-user",
    "x-auth-user",
    "x-webauth-user",
    "x-wiki-secret",
  ]);
});

test("what cannot be used is refused with a sentence that says what would be right", (t) => {
  const app = (more: string): string => `[[app]]\nname = "notes"\n${more}`;
  const up = 'upstream = "http://127.0.0.1:8100"\n';
  for (const [toml, reason] of [
    ["[[app]]\n", /\[\[app\]\] number 1: name is missing/],
    ["[app]\nname = 'x'\n", /the key app\.name is not known/],
    ["app = 3\n", /must be written as \[\[app\]\]/],
    [app(""), /"notes": upstream is missing/],
    [app(`${up}upstrem = 1`), /the key upstrem is not known; is upstream meant\?/],
    [app('upstream = "http://192.0.2.1:80"'), /must be on this device: 192\.0\.2\.1 is no loopback/],
    [app('upstream = "http://localhost:8100"'), /localhost is no loopback address/],
    [app('upstream = "http://[::ffff:127.0.0.1]:8100"'), /no loopback address/],
    [app('upstream = "http://127.0.0.1"'), /must say the port/],
    [app('upstream = "https://127.0.0.1:8100"'), /upstream must be "http/],
    [app('upstream = "http://127.0.0.1:8100/base"'), /without a path behind it/],
    [app('upstream = "http://ada:secret@127.0.0.1:8100"'), /upstream must be "http/],
    [app('upstream = "unix:app.sock"'), /by its whole path/],
    [app(`${up}who = "everybody"`), /who must be "members", "owner", "everyone"/],
    [app(`${up}who = []`), /who must be/],
    [app(`${up}who = ["Ada!"]`), /who must be/],
    [app(`${up}access = "yes"`), /access must be true or false/],
    [app(`${up}open_paths = ["public"]`), /open_paths must be a list of plain paths/],
    [app(`${up}open_paths = ["/a/../b"]`), /open_paths must be/],
    [app(`${up}open_paths = ["/%61"]`), /open_paths must be/],
    [app(`${up}open_paths = ["/"]`), /opens everything: write who = "everyone"/],
    [app(`${up}who = "everyone"\nopen_paths = ["/a"]`), /open_paths has no use/],
    [app(`${up}headers = { user = "Bad Name" }`), /headers\.user must be the name of a header/],
    [app(`${up}headers = { user = "Cookie" }`), /cannot be Cookie: clients need that header/],
    [app(`${up}headers = { usr = "X-User" }`), /headers may hold user, groups, name, email, and usr/],
    [app(`${up}groups = { "a,b" = "members" }`), /groups: "a,b" must be one word/],
    [app(`${up}groups = { a = "everyone" }`), /groups\.a must be "members", "owner" or a list/],
    [app(`${up}secret_header = "X-S"`), /secret_header needs secret_file/],
    [app(`${up}host = "example.org"`), /the host example\.org is Burrow's own/],
    [app(`${up}host = "id.example.org"`), /the host id\.example\.org is Burrow's own/],
    [app(`${up}host = "127.0.0.1"`), /host must be a host name/],
    [notes + notes, /another app of this name/],
    [`${notes}${notes.replace('"notes"', '"other"\nhost = "notes.example.org"')}`, /that of the app "notes"/],
  ] as const) {
    assert.match(problemsOf(t, toml), reason, toml);
  }
});

test("on Android an app that trusts a header must be out of other apps' reach (G9)", (t) => {
  assert.match(problemsOf(t, notes, true), /on Android every app can reach a loopback port/);
  const safe = [
    notes.replace("http://127.0.0.1:8100", "unix:/data/app.sock"),
    `${notes}identity = false\n`,
    `${notes}secret_file = "secrets/notes"\n`,
  ];
  for (const toml of safe) assert.equal(read(t, toml, true).apps.length, 1);
});

test("a setting can be saved beside the apps, which stay as they are", (t) => {
  const dataDir = temporaryFolder(t);
  writeFileSync(join(dataDir, "burrow.toml"), `server_name = "example.org"\n${notes}`, { mode: 0o600 });
  saveSettings(dataDir, { public_url: "https://chat.example.org", "matrix.presence": "off" });
  const config = readConfig({ dataDir, environment: {} });
  assert.equal(config.matrix.presence, "off");
  assert.equal(config.publicUrl, "https://chat.example.org");
  assert.equal(config.apps[0]?.name, "notes");
});
