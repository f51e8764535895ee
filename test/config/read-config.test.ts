import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { gateVariables } from "../../origin/config/gate-variables.ts";
import { ConfigError, readConfig } from "../../origin/config/read-config.ts";
import { parseMailPolicy } from "../../shared/mail-policy.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

function read(t: TestContext, toml: string, environment: NodeJS.ProcessEnv = {}) {
  const dataDir = temporaryFolder(t);
  writeFileSync(join(dataDir, "burrow.toml"), toml);
  return readConfig({ dataDir, environment });
}

function problemsOf(t: TestContext, toml: string, environment: NodeJS.ProcessEnv = {}): string {
  try {
    read(t, toml, environment);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.join("\n");
  }
  return assert.fail("the configuration was accepted");
}

const minimal = 'server_name = "example.org"\n';

test("a name is enough: the rest has safe defaults", (t) => {
  const config = read(t, minimal);
  assert.equal(config.mode, "production");
  assert.equal(config.publicUrl, "https://example.org");
  assert.deepEqual({ ...config.listen }, { kind: "unix", path: join(config.dataDir, "origin.sock") });
  assert.deepEqual(
    [...config.hosts],
    [
      ["example.org", "apex"],
      ["id.example.org", "id"],
    ],
  );
  assert.equal(config.matrix.defaultRoomVersion, "11");
});

test("what strangers are told is a page they can open and a contact they can reach; nothing is told by default", (t) => {
  const { matrix } = read(t, minimal);
  assert.deepEqual(
    [matrix.supportPage, matrix.supportContact, matrix.livekitServiceUrl, matrix.openidUserinfo],
    ["", "", "", "closed"],
  );
  assert.deepEqual([matrix.presence, matrix.userDirectory], ["on", "rooms"]);
  for (const contact of ["@ada:example.org", "ada@example.org"]) {
    const toml = `${minimal}[matrix]\nsupport_contact = "${contact}"\n`;
    assert.equal(read(t, toml).matrix.supportContact, contact);
  }
  for (const [key, value] of [
    ["support_contact", "call me"],
    ["support_page", "http://example.org"],
    ["support_page", "https://ada:secret@example.org"],
    ["livekit_service_url", "livekit.example.org"],
    ["presence", "maybe"],
    ["user_directory", "all"],
    ["openid_userinfo", "on"],
  ] as const) {
    assert.match(
      problemsOf(t, `${minimal}[matrix]\n${key} = "${value}"\n`),
      new RegExp(`matrix\\.${key} must`),
    );
  }
});

test("nobody can change it afterwards", (t) => {
  const config = read(t, minimal);
  assert.throws(() => Object.assign(config, { serverName: "example.com" }), TypeError);
  assert.throws(() => Object.assign(config.matrix, { maxUploadSize: 1 }), TypeError);
});

test("an unknown key is an error that names it and the nearest known one", (t) => {
  const text = problemsOf(t, `${minimal}[matrix]\nmax_uplod_size = 5\n`);
  assert.match(text, /the key matrix\.max_uplod_size is not known; is matrix\.max_upload_size meant\?/);
  assert.match(
    problemsOf(t, `${minimal}[federation]\nenabled = true\n`),
    /the key federation\.enabled is not known\.$/,
  );
});

test("an unknown BURROW_ variable is an error too; other programs' are none of ours", (t) => {
  assert.match(
    problemsOf(t, minimal, { BURROW_LOG_LEVL: "debug" }),
    /BURROW_LOG_LEVL is not known; is BURROW_LOG_LEVEL meant\?/,
  );
  assert.equal(read(t, minimal, { BURROWS: "x", PATH: "/bin", BURROW_DATA: "/x" }).log.level, "info");
});

test("the environment wins over the file", (t) => {
  const environment = { BURROW_MATRIX_MAX_UPLOAD_SIZE: "1000", BURROW_LISTEN: "127.0.0.1:8090" };
  const config = read(t, `${minimal}listen = "unix:other.sock"\n`, environment);
  assert.equal(config.matrix.maxUploadSize, 1000);
  assert.deepEqual({ ...config.listen }, { kind: "tcp", host: "127.0.0.1", port: 8090 });
});

test("all problems are told at once, each with its place", (t) => {
  const toml =
    'server_name = "Example.org"\ncolour = 1\n[matrix]\ndefault_room_version = 11\nmax_upload_size = "1 MB"\n';
  const text = problemsOf(t, toml, { BURROW_LOG_LEVEL: "loud" });
  assert.equal(text.split("\n").length, 5, text);
  for (const part of [
    "server_name must be",
    "the key colour",
    "default_room_version must be one of",
    "max_upload_size must be a whole",
    "BURROW_LOG_LEVEL must be one of",
  ]) {
    assert.ok(text.includes(part), part);
  }
});

test("a broken file is told with its line, and no name is missed besides", (t) => {
  const text = problemsOf(t, 'server_name = "example.org"\nlisten = \n');
  assert.match(text, /burrow\.toml, line 2: /);
  assert.equal(text.split("\n").length, 1);
});

test("without a name nothing starts", (t) => {
  assert.match(problemsOf(t, ""), /server_name is not set\. Run "burrow init/);
});

for (const listen of [
  "0.0.0.0:8090",
  "[::]:8090",
  "192.0.2.1:8090",
  "[2001:db8::1]:8090",
  "8090",
  ":8090",
  "localhost:8090",
  "127.0.0.1",
  "127.0.0.1:99999",
  "[::ffff:127.0.0.1]:8090",
  "unix:",
]) {
  test(`does not listen on ${listen}`, (t) => {
    assert.match(problemsOf(t, `${minimal}listen = "${listen}"\n`), /listen must/);
  });
}

for (const name of [
  "example",
  "-a.example.org",
  "example.org:443",
  "https://example.org",
  "192.0.2.1",
  "exämple.org",
  "",
]) {
  test(`does not take "${name}" for a server name`, (t) => {
    assert.match(problemsOf(t, `server_name = "${name}"\n`), /server_name must be a host name/);
  });
}

test("loopback addresses and a socket with an absolute path are fine", (t) => {
  const listen = (text: string) => ({ ...read(t, `${minimal}listen = "${text}"\n`).listen });
  assert.deepEqual(listen("[::1]:1"), { kind: "tcp", host: "::1", port: 1 });
  assert.deepEqual(listen("127.3.2.1:0"), { kind: "tcp", host: "127.3.2.1", port: 0 });
  assert.deepEqual(listen("unix:/run/burrow.sock"), { kind: "unix", path: "/run/burrow.sock" });
});

test("a socket path that the kernel would cut off is refused", (t) => {
  assert.match(problemsOf(t, `${minimal}listen = "unix:/${"a".repeat(107)}"\n`), /longer than 107 bytes/);
});

test("development answers to loopback names as the apex", (t) => {
  const { hosts } = read(t, 'mode = "development"\nserver_name = "burrow.localhost"\n');
  const apps = ["id.burrow.localhost", "mail.burrow.localhost"];
  assert.deepEqual([...hosts.keys()], ["burrow.localhost", ...apps, "127.0.0.1", "localhost"]);
});

test("mail is off until it is turned on, but for development", (t) => {
  const at = (toml: string) => read(t, `server_name = "example.org"\n${toml}`);
  assert.equal(at("").mail, undefined);
  assert.equal(at("").hosts.has("mail.example.org"), false);
  const on = at('[mail]\nenabled = true\ndomain = "example.net"\n');
  assert.equal(on.mail?.domain, "example.net");
  assert.equal(on.hosts.get("mail.example.org"), "mail");
  assert.equal(at('mode = "development"\n[mail]\nenabled = false\n').mail, undefined);
});

test("what opens a server to everybody is there in test mode only, and never under a name that can be owned", (t) => {
  const open = (toml: string, environment: NodeJS.ProcessEnv = {}) => {
    const dataDir = temporaryFolder(t);
    writeFileSync(join(dataDir, "burrow.toml"), toml);
    return readConfig({ dataDir, environment, overrides: { testing: { sharedSecret: "s" } } });
  };
  assert.equal(open('mode = "test"\nserver_name = "hs1"\n').testing?.sharedSecret, "s");
  assert.equal(open(minimal).testing, undefined);
  assert.equal(open('mode = "development"\nserver_name = "burrow.localhost"\n').testing, undefined);
  assert.match(problemsOf(t, minimal, { BURROW_MODE: "test" }), /one word in lower case/);
  assert.match(problemsOf(t, 'server_name = "hs1"\n'), /must be a host name/);
});

test("rate limits can be changed one by one, and switched off; on a test server there are none", (t) => {
  const limits = (toml: string) => read(t, `${minimal}${toml}`).matrix.rateLimits;
  assert.deepEqual([limits("")?.messages, limits("")?.login], [600, 30]);
  const changed = limits("[matrix.rate_limits]\nmessages = 5\n");
  assert.deepEqual([changed?.messages, changed?.login], [5, 30]);
  assert.equal(limits("[matrix.rate_limits]\nenabled = false\n"), undefined);
  assert.equal(read(t, 'mode = "test"\nserver_name = "hs1"\n').matrix.rateLimits, undefined);
  assert.match(problemsOf(t, `${minimal}[matrix.rate_limits]\nmessages = 0\n`), /whole number a minute/);
  assert.match(problemsOf(t, `${minimal}[matrix]\nnotices_avatar = "https://x/y"\n`), /mxc:/);
});

test("the relay speaks TLS wherever it is; in clear text it is on this machine, and nothing is real", (t) => {
  const relayOf = (toml: string, mode = "production") =>
    read(
      t,
      `mode = "${mode}"\nserver_name = "${mode === "production" ? "example.org" : "burrow.localhost"}"\n[mail]\nenabled = true\n${toml}`,
    ).mail?.relay;
  assert.equal(relayOf(""), undefined);
  for (const [toml, mode, security] of [
    ['relay_host = "relay.example.net"', "production", "tls"],
    ['relay_host = "relay.example.net"\nrelay_port = 587', "production", "starttls"],
    ['relay_host = "127.0.0.1"\nrelay_port = 25', "production", "starttls"],
    ['relay_host = "relay.example.net"\nrelay_port = 25', "development", "starttls"],
    ['relay_host = "127.0.0.1"\nrelay_port = 2525', "development", "none"],
  ] as const)
    assert.equal(relayOf(toml, mode)?.security, security, toml);
  for (const [key, value] of [
    ["relay_host", '"https://relay.example.net"'],
    ["relay_host", '"192.0.2.7"'],
    ["relay_port", "0"],
    ["relay_spf", '"spf.example.net"'],
    ["relay_spf", '"include:a include:b"'],
    ["dkim_selector", '"Burrow key"'],
    ["relay_password", '"secret"'],
  ])
    assert.match(problemsOf(t, `${minimal}[mail]\n${key} = ${value}\n`), new RegExp(`mail\\.${key}`));
});

test("mail is off until it is turned on, and the edge is told whom to refuse", (t) => {
  assert.equal(read(t, minimal).mail, undefined);
  assert.deepEqual(gateVariables(read(t, minimal)), {});
  const on = `${minimal}[mail]\nenabled = true\n`;
  const config = read(t, `${on}refused_addresses = ["Old@example.org"]\nunknown_recipients = "refuse"\n`);
  assert.deepEqual(parseMailPolicy(gateVariables(config)["MAIL_POLICY"]), {
    domain: "example.org",
    refused: ["old@example.org"],
    unknown: "refuse",
  });
  assert.equal(read(t, on).mail?.unknownRecipients, "owner");
  const words = { BURROW_MAIL_REFUSED_ADDRESSES: "a@example.org b@example.org" };
  assert.deepEqual(read(t, on, words).mail?.refusedAddresses, ["a@example.org", "b@example.org"]);
  for (const [key, value] of [
    ["unknown_recipients", '"bounce"'],
    ["refused_addresses", '["old"]'],
    ["refused_addresses", "true"],
    ["bucket_url", '"http://example.org/mail"'],
  ])
    assert.match(problemsOf(t, `${on}${key} = ${value}\n`), new RegExp(`mail\\.${key}`));
});
