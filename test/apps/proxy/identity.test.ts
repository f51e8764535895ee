/** E2 and G9: what an app behind the gate is told of who asks, and what no client can make it believe. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { temporaryFolder } from "../../support/temporary-folder.ts";
import { cookieOf, type Mirrored, mirror, openProxyHouse } from "../../gate/proxy/proxy-house.ts";

const read = (answer: { body: Buffer }): Mirrored => JSON.parse(answer.body.toString()) as Mirrored;

const identityFields = ["remote-user", "x-auth-user", "remote-groups", "remote-name", "remote-email"];

test("an app is told who asks, and where its visitor is, in its own words", async (t) => {
  const house = await openProxyHouse(t, mirror, {
    groups: { editors: ["ben"], all: "members", top: "owner" },
  });
  const { fields } = read(await house.ask("/a?b=%2f", { as: "ben" }));
  assert.deepEqual(
    identityFields.map((name) => fields[name]),
    [["ben"], ["ben"], ["editors,all"], ["ben"], ["ben@example.org"]],
  );
  assert.deepEqual(fields["host"], ["notes.example.org"]);
  assert.deepEqual(fields["x-forwarded-for"], ["192.0.2.7"]);
  assert.deepEqual(fields["x-forwarded-proto"], ["https"]);
  assert.deepEqual(fields["x-forwarded-host"], ["notes.example.org"]);
  assert.equal(read(await house.ask("/a?b=%2f", { as: "ben" })).url, "/a?b=%2f");
});

test("nobody gets past without signing in, and the app does not hear of it", async (t) => {
  let heard = 0;
  const house = await openProxyHouse(t, () => (heard += 1));
  for (const headers of [
    {},
    { "remote-user": "ada" },
    { "x-auth-user": "ada", authorization: "Basic ada" },
    { cookie: cookieOf("nobody") },
    { cookie: cookieOf("ada"), authorization: "Bearer x" },
  ]) {
    assert.equal((await house.ask("/", { headers })).status, 401);
  }
  assert.equal(heard, 0);
});

/** However a forged field is written, for a gateway of the CGI family they are all HTTP_REMOTE_USER. */
const spellings = (name: string): string[] => [
  name,
  name.toUpperCase(),
  name.replaceAll("-", "_"),
  name.replace("-", "_").toUpperCase(),
];

test("a forged identity reaches no app, whoever sends it and however it is spelt", async (t) => {
  const house = await openProxyHouse(t, mirror, {
    open_paths: ["/open"],
    headers: { user: "X-Webauth-User", groups: ["Remote-Groups", "X-Grp"] },
  });
  const forged = [
    "x-webauth-user",
    "remote-groups",
    "x-grp",
    "remote-user",
    "x-auth-user",
    "x-forwarded-user",
  ];
  for (const name of forged.flatMap(spellings)) {
    const headers = { [name]: "ada" };
    const asNobody = read(await house.ask("/open", { headers }));
    assert.doesNotMatch(JSON.stringify(asNobody.fields), /"ada"/, name);
    const asBen = read(await house.ask("/x", { headers, as: "ben" }));
    assert.deepEqual(asBen.fields["x-webauth-user"], ["ben"], name);
    assert.deepEqual(asBen.fields["remote-groups"], ["members"], name);
    assert.doesNotMatch(JSON.stringify(asBen.fields), /"ada"/, name);
  }
  // Named by Connection, a field is dropped on the way; what is injected must come after that.
  const named = read(
    await house.ask("/x", { as: "ben", headers: { connection: "x-webauth-user, x-mine", "x-mine": "1" } }),
  );
  assert.deepEqual(named.fields["x-webauth-user"], ["ben"]);
  assert.equal(named.fields["x-mine"], undefined);
});

test("the gate's cookies and credentials stay at the gate; the app's own pass", async (t) => {
  const house = await openProxyHouse(t, mirror, { app_passwords: true, open_paths: ["/open"] });
  const cookie = `a="x; ${cookieOf("ada")}; __host-BURROW-device=d; =__Host-burrow-x=y; b=2; CF_Authorization=jwt`;
  const { fields } = read(await house.ask("/", { headers: { cookie } }));
  assert.deepEqual(fields["cookie"], ['a="x; b=2']);
  assert.equal(read(await house.ask("/", { as: "ada" })).fields["cookie"], undefined);

  const byPassword = read(await house.ask("/", { headers: { authorization: "Basic ada" } }));
  assert.deepEqual(byPassword.fields["remote-user"], ["ada"]);
  assert.equal(byPassword.fields["authorization"], undefined);
  const open = (authorization: string) => house.ask("/open", { headers: { authorization } });
  assert.equal(read(await open("Basic ada")).fields["authorization"], undefined);
  assert.deepEqual(read(await open("Bearer its-own")).fields["authorization"], ["Bearer its-own"]);
});

test("who may enter is who the owner says; a client that cannot browse is asked for its password", async (t) => {
  const forOwner = await openProxyHouse(t, mirror, { who: "owner" });
  assert.equal((await forOwner.ask("/", { as: "ada" })).status, 200);
  assert.equal((await forOwner.ask("/", { as: "ben" })).status, 403);
  const named = await openProxyHouse(t, mirror, { who: ["ben"], app_passwords: true });
  assert.equal((await named.ask("/", { as: "ben" })).status, 200);
  assert.equal((await named.ask("/", { as: "ada" })).status, 403);
  const asked = await named.ask("/", { method: "PROPFIND" });
  assert.equal(asked.headers["www-authenticate"], 'Basic realm="notes", charset="UTF-8"');
  const browser = await named.ask("/", { headers: { "sec-fetch-mode": "cors" } });
  assert.deepEqual([browser.status, browser.headers["www-authenticate"]], [401, undefined]);
});

test("an open path is open as it is written, and by no other reading of it", async (t) => {
  const house = await openProxyHouse(t, mirror, { open_paths: ["/public", "/feed/"] });
  for (const path of ["/public", "/public/a", "/%70ublic/a%2Fb", "/feed/x", "/public//a"]) {
    const answer = await house.ask(path);
    assert.equal(answer.status, 200, path);
    assert.equal(read(answer).fields["remote-user"], undefined, path);
  }
  for (const path of [
    "/",
    "/publicity",
    "/PUBLIC",
    "//public",
    "/feed",
    "/public/..;/admin",
    "/public/.;a/admin",
    "/public%2f..;/admin",
    "/public/%252e%252e/admin",
    "/public/%00",
    "/public/%zz",
  ]) {
    assert.equal((await house.ask(path)).status, 401, path);
  }
  for (const path of [
    "/public/%2e%2e/admin",
    "/public/..%2fadmin",
    "/public/..\\admin",
    "/public/../admin",
  ]) {
    assert.equal((await house.ask(path)).status, 400, path);
  }
  assert.deepEqual(read(await house.ask("/public", { as: "ben" })).fields["remote-user"], ["ben"]);
});

test("where everyone may enter, who is signed in is known all the same", async (t) => {
  const house = await openProxyHouse(t, mirror, { who: "everyone" });
  assert.equal(read(await house.ask("/x")).fields["remote-user"], undefined);
  assert.deepEqual(read(await house.ask("/x", { as: "ben" })).fields["remote-user"], ["ben"]);
});

test("an app that checks a secret is shown it on every request; one whose secret cannot be read gets nothing", async (t) => {
  const file = join(temporaryFolder(t), "secret");
  writeFileSync(file, "0123456789abcdef\n", { mode: 0o600 });
  const settings = { secret_file: file, open_paths: ["/open"] };
  const house = await openProxyHouse(t, mirror, settings);
  const forged = { "burrow-app-secret": "forged", Burrow_App_Secret: "forged" };
  for (const path of ["/open", "/x"]) {
    const { fields } = read(await house.ask(path, { as: "ben", headers: forged }));
    assert.deepEqual(fields["burrow-app-secret"], ["0123456789abcdef"]);
    assert.equal(fields["burrow_app_secret"], undefined);
  }
  for (const [content, mode] of [
    ["0123456789abcdef", 0o644],
    ["short", 0o600],
    ["two lines of it\nare no secret", 0o600],
  ] as const) {
    const bad = join(temporaryFolder(t), "secret");
    writeFileSync(bad, content, { mode });
    await refuses(t, { secret_file: bad });
  }
  await refuses(t, { secret_file: join(temporaryFolder(t), "missing") });
});

async function refuses(t: TestContext, settings: Record<string, unknown>): Promise<void> {
  let heard = 0;
  const house = await openProxyHouse(t, () => (heard += 1), settings);
  assert.equal((await house.ask("/", { as: "ada" })).status, 502);
  assert.equal(heard, 0);
  assert.match(house.lines.join(""), /proxy\.no-secret/);
}
