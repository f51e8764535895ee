import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import { isValidAuthMetadata, OAuth2, type ValidatedAuthMetadata } from "matrix-js-sdk/lib/oauth/index.js";

import { type Browser, createOidcFixture, issuer, type OidcFixture, settle } from "./fixture.ts";

const home = "https://example.org";
const redirect = "https://chat.example.net/callback";
const chat = {
  client_name: "Chat",
  client_uri: "https://chat.example.net/",
  redirect_uris: [redirect],
} as const;

let fixture: OidcFixture;
let metadata: ValidatedAuthMetadata;

before(async () => {
  fixture = await createOidcFixture();
  await settle(fixture);
  const answer = await fixture.fetch(`${home}/_matrix/client/v1/auth_metadata`);
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  const body: unknown = await answer.json();
  assert.ok(isValidAuthMetadata(body), "matrix-js-sdk finds nothing wrong with it");
  metadata = body;
});
after(() => fixture?.close());

/** The SDK asks by the global fetch. */
function online(t: TestContext): void {
  t.mock.method(globalThis, "fetch", fixture.fetch);
}

const register = (given: object = chat): Promise<string> =>
  OAuth2.registerClient(metadata, given as Parameters<typeof OAuth2.registerClient>[1]);

async function authorise(
  oauth: OAuth2,
  browser: Browser,
  options: { mode?: "query" | "fragment"; to?: string; prompt?: string } = {},
): Promise<URLSearchParams> {
  const { mode = "query", to = redirect, prompt } = options;
  const url = await oauth.generateAuthorizationCodeGrantUrl("state", to, mode, prompt);
  const page = await browser.follow(url);
  assert.match(page.text, /will be able to read and write your chats/);
  const { elsewhere, text } = await browser.follow(page.url, { form: { act: "agree" } });
  assert.ok(elsewhere, text);
  const answer = mode === "query" ? elsewhere.searchParams : new URLSearchParams(elsewhere.hash.slice(1));
  assert.equal(answer.get("state"), "state");
  assert.equal(answer.get("iss"), issuer);
  return answer;
}

const ask = (token: string, path: string, init: RequestInit = {}): Promise<Response> =>
  fixture.fetch(`${home}/_matrix/client/v3/${path}`, {
    ...init,
    headers: {
      authorization: `Bearer ${token}`,
      ...(init.body ? { "content-type": "application/json" } : {}),
    },
  });

async function signIn(name: string): Promise<{ oauth: OAuth2; token: string; refresh: string }> {
  const browser = fixture.browser();
  await browser.signIn(name);
  const oauth = new OAuth2(metadata, { clientId: await register() });
  const code = (await authorise(oauth, browser)).get("code") as string;
  const tokens = await oauth.completeAuthorizationCodeGrant(code, redirect);
  return { oauth, token: tokens.access_token, refresh: tokens.refresh_token as string };
}

test("a Matrix client registers, is agreed to, syncs, refreshes and signs out", async (t) => {
  online(t);
  const clientId = await register();
  assert.equal(await register(), clientId, "the same client takes one row, however often it registers");
  const oauth = new OAuth2(metadata, { clientId, deviceId: "ABCDEFGHIJ" });
  const browser = fixture.browser();
  await browser.signIn("ben");
  const code = (await authorise(oauth, browser, { mode: "fragment" })).get("code") as string;
  const tokens = await oauth.completeAuthorizationCodeGrant(code, redirect);
  assert.match(tokens.access_token, /^bat_/);
  assert.equal(tokens.expires_in, 3600);
  assert.match(tokens.scope ?? "", /urn:matrix:client:api:\* urn:matrix:client:device:ABCDEFGHIJ/);

  const whoami = await (await ask(tokens.access_token, "account/whoami")).json();
  assert.deepEqual(whoami, { user_id: "@ben:example.org", device_id: "ABCDEFGHIJ", is_guest: false });
  assert.equal((await ask(tokens.access_token, "sync?timeout=0")).status, 200);
  const { devices } = (await (await ask(tokens.access_token, "devices")).json()) as { devices: object[] };
  assert.equal((devices[0] as { display_name: string }).display_name, "Chat");

  const next = await oauth.performRefreshTokenGrant(tokens.refresh_token as string);
  // The answer may have been lost on the way: until the new pair is used, the old one can ask again.
  const again = await oauth.performRefreshTokenGrant(tokens.refresh_token as string);
  assert.notEqual(again.access_token, next.access_token);
  assert.equal((await ask(again.access_token, "sync?timeout=0")).status, 200);
  await assert.rejects(oauth.performRefreshTokenGrant(tokens.refresh_token as string), {
    error: "invalid_grant",
    httpStatus: 400,
  });
  assert.equal((await ask(tokens.access_token, "sync?timeout=0")).status, 401);

  await oauth.revokeToken(again.refresh_token as string, "refresh_token");
  assert.equal((await ask(again.access_token, "sync?timeout=0")).status, 401);
  const ben = fixture.members.find("ben");
  assert.deepEqual(fixture.members.devices(ben?.id ?? 0), []);
});

test("another client can neither refresh nor end a session, and neither can /v3/refresh", async (t) => {
  online(t);
  const { oauth, token, refresh } = await signIn("ben");
  const other = await register({ ...chat, client_name: "Other" });
  assert.notEqual(other, oauth.context.clientId);
  const impostor = new OAuth2(metadata, { clientId: other });
  await assert.rejects(impostor.performRefreshTokenGrant(refresh), { error: "invalid_grant" });
  await impostor.revokeToken(token);
  assert.equal((await ask(token, "account/whoami")).status, 200);
  const legacy = await fixture.fetch(`${home}/_matrix/client/v3/refresh`, {
    method: "POST",
    body: JSON.stringify({ refresh_token: refresh }),
  });
  assert.equal(legacy.status, 401);
  await oauth.performRefreshTokenGrant(refresh);
});

test("the device's end, by whomever, is the end of its refresh token", async (t) => {
  online(t);
  const { oauth, token, refresh } = await signIn("ben");
  assert.equal((await ask(token, "logout", { method: "POST" })).status, 200);
  await assert.rejects(oauth.performRefreshTokenGrant(refresh), { error: "invalid_grant" });
  const other = await signIn("ben");
  await fixture.members.endSessions(fixture.members.find("ben")?.id ?? 0);
  assert.equal((await ask(other.token, "account/whoami")).status, 401);
  await assert.rejects(other.oauth.performRefreshTokenGrant(other.refresh), { error: "invalid_grant" });
});

test("a code that comes a second time ends the device that it opened", async (t) => {
  online(t);
  const browser = fixture.browser();
  await browser.signIn("ben");
  const oauth = new OAuth2(metadata, { clientId: await register() });
  const code = (await authorise(oauth, browser)).get("code") as string;
  const { access_token: token } = await oauth.completeAuthorizationCodeGrant(code, redirect);
  assert.equal((await ask(token, "account/whoami")).status, 200);
  await assert.rejects(oauth.completeAuthorizationCodeGrant(code, redirect), { error: "invalid_grant" });
  assert.equal((await ask(token, "account/whoami")).status, 401);
});

test("of a code that is sent twenty times at once one gets something, and never more", async (t) => {
  online(t);
  const browser = fixture.browser();
  await browser.signIn("ben");
  const oauth = new OAuth2(metadata, { clientId: await register() });
  const code = (await authorise(oauth, browser)).get("code") as string;
  const answers = await Promise.allSettled(
    Array.from({ length: 20 }, () => oauth.completeAuthorizationCodeGrant(code, redirect)),
  );
  const given = answers.filter(({ status }) => status === "fulfilled");
  assert.ok(given.length <= 1, `${given.length}`);
});

test("it is asked again each time, and who refuses is taken at their word", async (t) => {
  online(t);
  const oauth = new OAuth2(metadata, { clientId: await register() });
  const browser = fixture.browser();
  await browser.signIn("ben");
  await authorise(oauth, browser);
  const page = await browser.follow(await oauth.generateAuthorizationCodeGrantUrl("s", redirect, "query"));
  assert.equal(page.elsewhere, undefined);
  assert.match(page.text, /chat\.example\.net/);
  const { elsewhere } = await browser.follow(page.url, { form: { act: "refuse" } });
  assert.equal(elsewhere?.searchParams.get("error"), "access_denied");
});

test("a scope that is not one API and one device is refused", async (t) => {
  online(t);
  const oauth = new OAuth2(metadata, { clientId: await register() });
  const browser = fixture.browser();
  await browser.signIn("ben");
  const api = "urn:matrix:client:api:*";
  for (const scope of [
    "openid",
    api,
    "urn:matrix:client:device:ABC",
    `${api} urn:matrix:client:device:ABC urn:matrix:client:device:DEF`,
    `${api} urn:matrix:client:device:AB%2FC`,
    `${api} urn:matrix:client:device:ABC urn:matrix:admin:*`,
    `${api} urn:matrix:client:device:ABC groups`,
  ]) {
    const url = await oauth.generateAuthorizationCodeGrantUrl("s", redirect, "query", undefined, scope);
    const { elsewhere, text } = await browser.follow(url);
    assert.equal(elsewhere?.searchParams.get("error"), "invalid_scope", `${scope} ${text}`);
  }
  const earlier =
    "openid urn:matrix:org.matrix.msc2967.client:api:* urn:matrix:org.matrix.msc2967.client:device:OLDNAMES";
  const url = await oauth.generateAuthorizationCodeGrantUrl("s", redirect, "query", undefined, earlier);
  const page = await browser.follow(url);
  const { elsewhere } = await browser.follow(page.url, { form: { act: "agree" } });
  const code = elsewhere?.searchParams.get("code") as string;
  const tokens = await oauth.completeAuthorizationCodeGrant(code, redirect);
  assert.equal(
    ((await (await ask(tokens.access_token, "account/whoami")).json()) as { device_id: string }).device_id,
    "OLDNAMES",
  );
  assert.ok("id_token" in tokens);
});

test("what a client may not say of itself is refused when it registers", async () => {
  const send = async (body: unknown): Promise<[number, string]> => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const answer = await fixture.fetch(metadata.registration_endpoint, { method: "POST", body: text });
    const { error = "" } = (await answer.json()) as { error?: string };
    return [answer.status, error];
  };
  const native = { client_uri: "https://app.example.net/", application_type: "native" };
  const bad = "invalid_client_metadata";
  const wrong = "invalid_redirect_uri";
  const cases: [body: unknown, error: string][] = [
    ["{", bad],
    ["[]", bad],
    [{}, bad],
    [{ ...chat, client_uri: "http://chat.example.net/" }, bad],
    [{ ...chat, client_uri: "https://ada@chat.example.net/" }, bad],
    [{ ...chat, redirect_uris: [] }, bad],
    [{ ...chat, redirect_uris: [7] }, bad],
    [{ ...chat, token_endpoint_auth_method: "client_secret_basic" }, bad],
    [{ ...chat, application_type: "other" }, bad],
    [{ ...chat, grant_types: ["implicit"] }, bad],
    [{ ...chat, redirect_uris: ["https://chat.example.net.evil.example/"] }, wrong],
    [{ ...chat, redirect_uris: ["https://evilchat.example.net/"] }, wrong],
    [{ ...chat, redirect_uris: ["http://chat.example.net/"] }, wrong],
    [{ ...chat, redirect_uris: ["http://localhost/"] }, wrong],
    [{ ...chat, redirect_uris: [`${redirect}#here`] }, wrong],
    [{ ...chat, redirect_uris: ["net.example.chat:/callback"] }, wrong],
    [{ ...native, redirect_uris: ["net.example.other:/callback"] }, wrong],
    [{ ...native, redirect_uris: ["net.example.application:/callback"] }, wrong],
    [{ ...native, redirect_uris: ["net.example.app://callback"] }, wrong],
    [{ ...native, redirect_uris: ["javascript:alert(1)"] }, wrong],
    [{ ...native, redirect_uris: ["http://localhost:1234/"] }, wrong],
    [{ ...native, redirect_uris: ["http://192.0.2.1/"] }, wrong],
  ];
  for (const [body, error] of cases) assert.deepEqual(await send(body), [400, error], JSON.stringify(body));
  for (const uri of [
    "net.example.app:/callback",
    "net.example.app.debug:/",
    "http://127.0.0.1/",
    "https://app.example.net/x",
  ]) {
    assert.deepEqual(await send({ ...native, redirect_uris: [uri] }), [201, ""], uri);
  }
  assert.equal((await send(`"${"x".repeat(40_000)}"`))[0], 413);
});

test("a client on this machine is answered at whichever port it found", async (t) => {
  online(t);
  const clientId = await register({
    client_uri: "https://app.example.net/",
    application_type: "native",
    redirect_uris: ["http://127.0.0.1/done"],
  });
  const oauth = new OAuth2(metadata, { clientId });
  const browser = fixture.browser();
  await browser.signIn("ben");
  const to = "http://127.0.0.1:43210/done";
  const code = (await authorise(oauth, browser, { to })).get("code") as string;
  assert.match((await oauth.completeAuthorizationCodeGrant(code, to)).access_token, /^bat_/);
});

test("somebody new signs up from within the app with an invite", async (t) => {
  online(t);
  const oauth = new OAuth2(metadata, { clientId: await register() });
  const browser = fixture.browser();
  const form = await browser.follow(
    await oauth.generateAuthorizationCodeGrantUrl("state", redirect, "query", "create"),
  );
  assert.match(form.text, /Make an account/);
  const typed = { act: "sign-up", name: "dora", password: "violet anchor ninety canoes" };
  const wrong = await browser.open(form.url, { form: { ...typed, token: "bit_wrong" } });
  assert.equal(wrong.status, 403);
  assert.equal(fixture.guess(), "failed");
  const weak = await browser.open(form.url, {
    form: { ...typed, token: await fixture.invite(), password: "short" },
  });
  assert.equal(weak.status, 422);
  assert.match(weak.text, /value="dora"/);
  const made = await browser.follow(form.url, { form: { ...typed, token: await fixture.invite() } });
  assert.ok(fixture.members.find("dora"));
  assert.match(made.text, /@dora:example\.org/, "who has made an account is signed in with it");
  const { elsewhere } = await browser.follow(made.url, { form: { act: "agree" } });
  const tokens = await oauth.completeAuthorizationCodeGrant(
    elsewhere?.searchParams.get("code") as string,
    redirect,
  );
  assert.equal((await ask(tokens.access_token, "sync?timeout=0")).status, 200);
});

test("a device without a browser is signed in from another one, by the code that it shows", async (t) => {
  online(t);
  const clientId = await register({
    ...chat,
    grant_types: ["refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
  });
  const oauth = new OAuth2(metadata, { clientId, deviceId: "TELEVISION" });
  const session = await oauth.startDeviceAuthorizationGrant();
  const poll = () =>
    fixture.fetch(metadata.token_endpoint, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "urn:ietf:params:oauth:grant-type:device_code",
        device_code: session.device_code,
        client_id: clientId,
      }),
    });
  assert.equal(((await (await poll()).json()) as { error: string }).error, "authorization_pending");
  assert.equal(fixture.guess(), "ok");

  const browser = fixture.browser();
  const stranger = await browser.open(session.verification_uri);
  assert.match(stranger.headers.get("location") ?? "", /^\/sign-in/);
  await browser.signIn("ben");
  const form = await browser.open(session.verification_uri_complete as string);
  assert.match(form.text, new RegExp(session.user_code));
  const mark = (text: string): string => /name="xsrf" value="([^"]*)"/.exec(text)?.[1] ?? "";
  const typed = { xsrf: mark(form.text), user_code: session.user_code };
  const forged = await browser.open("/oidc/device", { form: typed, origin: "https://evil.example" });
  assert.equal(forged.status, 403);
  const wrong = await browser.open("/oidc/device", { form: { ...typed, user_code: "BBBB-BBBB" } });
  assert.equal(wrong.status, 422);
  assert.equal(fixture.guess(), "failed");
  const confirm = await browser.open("/oidc/device", { form: { ...typed, xsrf: mark(wrong.text) } });
  assert.match(confirm.text, /Sign in this device\?/);
  const done = await browser.follow("/oidc/device", {
    form: { user_code: session.user_code, xsrf: mark(confirm.text), confirm: "yes" },
  });
  assert.match(done.text, /is signed in/);
  const tokens = (await (await poll()).json()) as { access_token: string };
  const whoami = await (await ask(tokens.access_token, "account/whoami")).json();
  assert.equal((whoami as { device_id: string }).device_id, "TELEVISION");
  assert.equal((await poll()).status, 400);
});

test("cross-signing keys are replaced on a word from the account page, never by the password", async (t) => {
  online(t);
  const { token } = await signIn("ben");
  const upload = (auth?: object) =>
    ask(token, "keys/device_signing/upload", {
      method: "POST",
      body: JSON.stringify({ ...keysOf(seed), auth }),
    });
  let seed = "A";
  assert.equal((await upload()).status, 200);
  seed = "B";
  const asked = await upload();
  assert.equal(asked.status, 401);
  const challenge = (await asked.json()) as {
    session: string;
    flows: { stages: string[] }[];
    params: Record<string, { url: string }>;
  };
  assert.deepEqual(challenge.flows[0], { stages: ["m.oauth"] });
  const url = challenge.params["m.oauth"]?.url ?? "";
  assert.match(url, /^https:\/\/id\.example\.org\/oidc\/account\//);
  const { session } = challenge;
  const byPassword = { type: "m.login.password", session, password: "violet anchor ninety canoes" };
  assert.equal((await upload(byPassword)).status, 401);
  assert.equal((await upload({ type: "m.oauth", session })).status, 401);

  const browser = fixture.browser();
  await browser.signIn("ben");
  const page = await browser.follow("/oidc/account?action=org.matrix.cross_signing_reset");
  assert.match(page.text, /Reset your identity/);
  const later = Date.now() + 10 * 60 * 1000;
  const clock = t.mock.method(Date, "now", () => later);
  const stale = await browser.open(page.url, { form: {} });
  assert.match(stale.headers.get("location") ?? "", /^\/confirm\?next=/, "of a browser that was left open");
  clock.mock.restore();
  assert.match((await browser.open(page.url, { form: {} })).text, /For ten minutes/);
  assert.equal((await upload({ type: "m.oauth", session })).status, 200);
  seed = "C";
  const anew = (await (await upload()).json()) as { session: string };
  assert.equal((await upload({ type: "m.oauth", session: anew.session })).status, 401, "it holds once");
  for (const [method, path] of [
    ["DELETE", "devices/X"],
    ["POST", "account/deactivate"],
    ["POST", "account/password"],
  ]) {
    assert.equal((await ask(token, path as string, { method: method as string, body: "{}" })).status, 403);
  }
});

test("a client leads its person to the devices, of which one is ended, and to the end of the account", async (t) => {
  online(t);
  await fixture.members.register({
    name: "eve",
    password: "violet anchor ninety canoes",
    inviteToken: await fixture.invite(),
  });
  const { token } = await signIn("eve");
  const { device_id: device } = (await (await ask(token, "account/whoami")).json()) as { device_id: string };
  const browser = fixture.browser();
  await browser.signIn("eve");
  const lead = (action: string) => browser.follow(`/oidc/account?action=${action}&device_id=${device}`);
  for (const action of metadata.account_management_actions_supported ?? []) {
    const page = await lead(action);
    assert.equal(page.status, 200, action);
    assert.notEqual(new URL(page.url).pathname, "/", action);
  }
  const page = await lead("org.matrix.device_delete");
  assert.match(page.text, new RegExp(`value="${device}"`));
  const forged = await browser.open("/devices/end", {
    form: { device },
    origin: "https://evil.example",
  });
  assert.equal(forged.status, 403);
  assert.equal((await ask(token, "account/whoami")).status, 200);
  await browser.follow("/devices/end", { form: { device } });
  assert.equal((await ask(token, "account/whoami")).status, 401);
  // Somebody else's device is not theirs to end.
  const bens = await signIn("ben");
  const { device_id: other } = (await (await ask(bens.token, "account/whoami")).json()) as {
    device_id: string;
  };
  await browser.follow("/devices/end", { form: { device: other } });
  assert.equal((await ask(bens.token, "account/whoami")).status, 200);

  const close = (secret: string) =>
    browser.open("/oidc/account/deactivate", { form: { password: secret, erase: "yes" } });
  assert.equal((await close("not the password")).status, 403);
  assert.equal(fixture.members.find("eve")?.state, "active");
  assert.match((await close("violet anchor ninety canoes")).text, /account is closed/);
  assert.equal(fixture.members.find("eve")?.state, "deactivated");
});

/** A master key alone, as good as any. */
function keysOf(seed: string): object {
  const key = Buffer.alloc(32, seed).toString("base64").replace(/=+$/, "");
  return {
    master_key: { user_id: "@ben:example.org", usage: ["master"], keys: { [`ed25519:${key}`]: key } },
  };
}

test("nothing unforeseen happened", () => assert.deepEqual(fixture.log, []));
