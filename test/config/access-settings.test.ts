import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { parse } from "smol-toml";

import { gateVariables } from "../../origin/config/gate-variables.ts";
import { oauthPaths } from "../../origin/gate/oauth/authorization-server.ts";
import { deploymentOf } from "../../origin/cli/edge.ts";
import { ConfigError, readConfig } from "../../origin/config/read-config.ts";
import { findPolicy, parseAccessRules } from "../../shared/access-policy.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const AUD = "a".repeat(64);
const team = 'team = "example.cloudflareaccess.com"\n';
const admin = `${team}admin_aud = ["${AUD}"]\n`;

function read(t: TestContext, access: string, mode = "production") {
  const dataDir = temporaryFolder(t);
  const top = `mode = "${mode}"\nserver_name = "example.org"\nlisten = "127.0.0.1:8090"\n`;
  writeFileSync(join(dataDir, "burrow.toml"), `${top}[edge]\nvpc_service = "id"\n[access]\n${access}`);
  return readConfig({ dataDir, environment: {} });
}

function problemOf(t: TestContext, access: string): string {
  try {
    read(t, access);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return assert.fail(`accepted: ${access}`);
}

test("nothing is behind Access until there is a team, and then the owner's paths are", (t) => {
  const none = read(t, "");
  assert.equal(none.access, undefined);
  assert.deepEqual(gateVariables(none), {});
  const { access } = read(t, admin);
  assert.deepEqual(
    access?.policies.filter(({ aud }) => aud.length > 0).map(({ host, path, aud }) => [host, path, ...aud]),
    ["/_burrow/admin", "/_burrow/metrics", "/_burrow/samples"].map((path) => ["example.org", path, AUD]),
  );
  assert.deepEqual(
    read(t, `${team}admin = false\n`).access?.policies.filter(({ aud }) => aud.length > 0),
    [],
  );
});

test("what cannot follow a redirect is left to its tokens by a policy for the whole host, and by no other", (t) => {
  const whole = (host: string): string => `[[access.policy]]\nhost = "${host}"\naud = ["${AUD}"]\n`;
  const app =
    '[[app]]\nname = "photos"\nhost = "photos.example.org"\nupstream = "http://127.0.0.1:8100"\nwho = "everyone"\n';
  const hosts = ["example.org", "id.example.org", "photos.example.org"];
  const { access } = read(t, `${admin}${hosts.map(whole).join("")}${app}`);
  const asks = (host: string, path: string) => findPolicy(access!.policies, host, path) !== undefined;
  for (const path of ["/_matrix/client/v3/sync", "/.well-known/matrix/client"])
    assert.deepEqual([asks("example.org", path), asks("photos.example.org", path)], [false, true], path);
  const { authorization, code_verification, account, crossSigningReset, deactivate, ...programs } =
    oauthPaths;
  for (const path of Object.values(programs)) assert.equal(asks("id.example.org", path), false, path);
  for (const path of [
    authorization,
    code_verification,
    account,
    crossSigningReset,
    deactivate,
    "/",
    "/sign-in",
    "/_matrix",
  ])
    assert.equal(asks("id.example.org", path), true, path);
  assert.equal(asks("example.org", "/_matrixes"), true);
  const closed = read(t, `${admin}[[access.policy]]\npath = "/_matrix"\naud = ["${AUD}"]\n`).access!.policies;
  assert.notEqual(findPolicy(closed, "example.org", "/_matrix/client/versions"), undefined);
});

test("policies and mapped e-mails are read as written, and the edge gets the policies alone", (t) => {
  const config = read(
    t,
    `${admin}[[access.policy]]\npath = "/invite"\naud = ["${AUD}", "second-audience"]\nservice_tokens = ["one.access"]\n` +
      `[[access.policy]]\nhost = "example.org"\npath = "/invite/help"\nopen = true\n` +
      `[[access.map_email]]\nemail = "Ada@Example.org"\nmember = "ada"\n`,
  );
  assert.deepEqual(config.access?.policies.slice(-2), [
    { host: "example.org", path: "/invite", aud: [AUD, "second-audience"], serviceTokens: ["one.access"] },
    { host: "example.org", path: "/invite/help", aud: [], serviceTokens: [] },
  ]);
  assert.deepEqual([...config.access.mapEmail], [["ada@example.org", "ada"]]);
  const deployed = parse(deploymentOf('name = "x"\n[vars]\nHOSTS = ""\n', config)) as {
    vars: { ACCESS: string };
  };
  assert.deepEqual(parseAccessRules(deployed.vars.ACCESS), {
    team: "example.cloudflareaccess.com",
    policies: config.access.policies,
  });
  assert.doesNotMatch(deployed.vars.ACCESS, /ada/);
});

test("what is half configured, or could leave a door open, is refused with what to do", (t) => {
  const policy = (lines: string): string => `${admin}[[access.policy]]\n${lines}\n`;
  const app = '[[app]]\nname = "photos"\nupstream = "http://127.0.0.1:8100"\naccess = true\n';
  for (const [access, reason] of [
    [team, /access\.admin_aud is not set: give the audience tag/],
    [`admin_aud = ["${AUD}"]\n`, /access\.team is not set/],
    ['team = "example.org"\n', /access\.team must be the team's domain/],
    ['team = "https://example.cloudflareaccess.com"\n', /access\.team must be/],
    [`${admin}certs_url = "http://127.0.0.1:1/certs"\n`, /certs_url is for development/],
    [`${admin}certs_url = "https://example.org/certs"\n`, /certs_url is for development/],
    [policy('path = "/x"'), /policy 1 either aud/],
    [policy(`path = "/x"\naud = ["${AUD}"]\nopen = true`), /policy 1 either aud/],
    [policy(`path = "/x/"\naud = ["${AUD}"]`), /path in policy 1/],
    [policy(`path = "x"\naud = ["${AUD}"]`), /path in policy 1/],
    [policy('path = "/x"\naud = ["short"]'), /must be audience tags/],
    [
      policy(`path = "/x"\naud = ["${AUD}"]\nemails = ["a"]`),
      /the key emails in table 1, which is not known/,
    ],
    [policy(`host = "other.example.org"\naud = ["${AUD}"]`), /no host of this server/],
    [`${policy(`path = "/x"\naud = ["${AUD}"]`)}[[access.policy]]\npath = "/x"\nopen = true\n`, /twice/],
    [`${admin}[[access.map_email]]\nemail = "ada"\nmember = "ada"\n`, /an email and the name/],
    [`${admin}${app}`, /the app photos is to be behind Access: add an \[\[access\.policy\]\]/],
    [`${admin}policy = "all"\n`, /tables \[\[access\.policy\]\]/],
  ] as const)
    assert.match(problemOf(t, access), reason, access);
});

test("a development folder may have its keys from this machine", (t) => {
  const dataDir = temporaryFolder(t);
  writeFileSync(
    join(dataDir, "burrow.toml"),
    `mode = "development"\nserver_name = "burrow.localhost"\n[access]\n${admin}certs_url = "http://127.0.0.1:1/certs"\n`,
  );
  const config = readConfig({ dataDir, environment: {} });
  assert.equal(parseAccessRules(gateVariables(config)["ACCESS"] ?? "").certsUrl, "http://127.0.0.1:1/certs");
  assert.ok(config.access?.policies.some(({ host }) => host === "127.0.0.1"));
});
