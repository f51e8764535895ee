/** Nothing that anybody can send to the sign-in host's OAuth routes makes it fail, or tells of the inside. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { anyBodies, anyQueries, mutationsOf, spoiledForms } from "../../conformance/hostile-input.ts";
import { createOidcFixture, issuer, type OidcFixture, redirectUri, settle } from "./fixture.ts";

let fixture: OidcFixture;

before(async () => {
  fixture = await createOidcFixture();
  await settle(fixture);
});
after(() => fixture?.close());

const traces =
  /\bat (?:file:|async |\S+ \(|node:)|node_modules|\.ts:\d|\b(?:Type|Range|Syntax|Reference|Sqlite)Error\b|SQLITE_|\[object /;

async function send(method: string, path: string, init: RequestInit = {}): Promise<void> {
  const what = `${method} ${path.slice(0, 200)} ${JSON.stringify(init.body ?? "").slice(0, 200)}`;
  const response = await fixture.fetch(issuer + path, { method, ...init });
  const text = await response.text();
  assert.ok(response.status < 500, `${what} → ${response.status} ${text.slice(0, 300)}`);
  assert.doesNotMatch(text, traces, what);
  const location = response.headers.get("location");
  if (location === null) return;
  const { origin } = new URL(location, issuer);
  assert.ok(origin === issuer || location.startsWith(redirectUri), `${what} leads to ${location}`);
}

const form = { "content-type": "application/x-www-form-urlencoded" };
const authorise = {
  client_id: "photos",
  redirect_uri: redirectUri,
  response_type: "code",
  scope: "openid",
  code_challenge: "x".repeat(43),
  code_challenge_method: "S256",
};

test("programs' routes take any body, and answer in the words of OAuth", async () => {
  const code = {
    grant_type: "authorization_code",
    code: "x",
    redirect_uri: redirectUri,
    client_id: "photos",
  };
  const forms: [string, Record<string, string>][] = [
    ["/oidc/token", code],
    ["/oidc/token", { grant_type: "refresh_token", refresh_token: "brt_x", client_id: "photos" }],
    [
      "/oidc/token",
      { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: "x", client_id: "n" },
    ],
    ["/oidc/revoke", { token: "bat_x", client_id: "photos" }],
    ["/oidc/device-authorization", { client_id: "notes", scope: "openid" }],
    ["/oidc/userinfo", { access_token: "x" }],
  ];
  for (const [path, plausible] of forms) {
    for (const body of spoiledForms(plausible)) await send("POST", path, { body, headers: form });
    for (const { body, headers } of anyBodies) {
      await send("POST", path, { body: body as RequestInit["body"] & string, ...(headers && { headers }) });
    }
    await send("POST", path, { body: "a=1", headers: { ...form, authorization: "Basic \u00ff" } });
  }
  const client = {
    client_uri: "https://a.example/",
    redirect_uris: ["https://a.example/b"],
    client_name: "A",
  };
  for (const body of mutationsOf(client)) {
    await send("POST", "/oidc/register", {
      body,
      headers: { "content-type": "application/json" },
    });
  }
  for (const [path] of forms) await send("OPTIONS", path);
});

test("people's routes take any query, and lead nowhere that the owner has not named", async () => {
  const paths = [
    "/oidc/authorize",
    "/oidc/authorize/x",
    "/oidc/device",
    "/oidc/device/x",
    "/oidc/interaction/x",
    "/oidc/account",
    "/oidc/account/cross-signing-reset",
    "/oidc/keys",
    "/oidc/userinfo",
  ];
  for (const path of paths) {
    for (const query of anyQueries) await send("GET", `${path}?${query}`);
  }
  for (const body of spoiledForms(authorise)) await send("GET", `/oidc/authorize?${body}`);
  for (const [name] of Object.entries(authorise)) {
    for (const value of [
      "",
      "//evil.example",
      "https://evil.example",
      "\u0000",
      "%0d%0a",
      "x".repeat(5000),
      "__proto__",
    ]) {
      await send("GET", `/oidc/authorize?${new URLSearchParams({ ...authorise, [name]: value })}`);
    }
  }
  for (const path of ["/oidc/interaction/x", "/oidc/device", "/oidc/account/cross-signing-reset"]) {
    for (const origin of [issuer, "https://evil.example"]) {
      for (const body of spoiledForms({ act: "agree", user_code: "BBBB-BBBB", xsrf: "x" })) {
        await send("POST", path, { body, headers: { ...form, origin } });
      }
    }
  }
});

test("odd cookies are nobody's", async () => {
  for (const cookie of [
    "__Host-burrow-oidc=x",
    "__Host-burrow-oidc=; __Secure-burrow-oidc-interaction=x",
    "__Secure-burrow-oidc-resume=../../x",
    `__Host-burrow-oidc=${"x".repeat(4000)}`,
    "__Host-burrow-oidc=__proto__",
  ]) {
    for (const path of [
      "/oidc/authorize/x",
      "/oidc/interaction/x",
      `/oidc/authorize?${new URLSearchParams(authorise)}`,
    ]) {
      await send("GET", path, { headers: { cookie } });
    }
  }
});

test("nothing of it was unforeseen", () => assert.deepEqual(fixture.log, []));
