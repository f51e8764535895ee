import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as client from "openid-client";

import {
  type Browser,
  clientSecret,
  createOidcFixture,
  issuer,
  type OidcFixture,
  password,
  redirectUri,
  settle,
} from "./fixture.ts";

let fixture: OidcFixture;
let photos: client.Configuration;

before(async () => {
  fixture = await createOidcFixture();
  await settle(fixture);
  photos = await discover("photos", client.ClientSecretBasic(clientSecret));
});
after(() => fixture?.close());

async function discover(id: string, authentication: client.ClientAuth): Promise<client.Configuration> {
  return await client.discovery(new URL(issuer), id, {}, authentication, {
    [client.customFetch]: fixture.fetch as client.CustomFetch,
  });
}

interface Request {
  readonly url: URL;
  readonly verifier: string;
}

async function begin(parameters: Record<string, string> = {}, config = photos): Promise<Request> {
  const verifier = client.randomPKCECodeVerifier();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: "openid profile email groups",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: "s1",
    nonce: "n1",
    ...parameters,
  });
  return { url, verifier };
}

/** From the app's request to its tokens, in a browser that is signed in. */
async function signIn(browser: Browser, parameters?: Record<string, string>) {
  const { url, verifier } = await begin(parameters);
  let visit = await browser.follow(url.href);
  if (parameters?.["prompt"] === "consent") {
    assert.match(visit.text, /will learn/);
    visit = await browser.follow(visit.url, { form: { act: "agree" } });
  }
  const { elsewhere, text, status } = visit;
  assert.ok(elsewhere, `${status} ${text}`);
  const checks = { pkceCodeVerifier: verifier, expectedState: "s1", expectedNonce: "n1" };
  return { elsewhere, checks, tokens: await client.authorizationCodeGrant(photos, elsewhere, checks) };
}

test("an app signs a member in, and learns who it is and which groups it is in", async () => {
  const browser = fixture.browser();
  const { url, verifier } = await begin();
  const first = await browser.follow(url.href);
  assert.match(first.headers.get("location") ?? "", /^\/sign-in\?next=%2Foidc%2Finteraction%2F/);
  await browser.signIn("ben");
  const { elsewhere } = await browser.follow(
    decodeURIComponent(first.headers.get("location")?.split("next=")[1] ?? ""),
  );
  assert.equal(`${elsewhere?.origin}${elsewhere?.pathname}`, redirectUri);
  const tokens = await client.authorizationCodeGrant(photos, elsewhere as URL, {
    pkceCodeVerifier: verifier,
    expectedState: "s1",
    expectedNonce: "n1",
  });
  const claims = tokens.claims();
  const sub = String(claims?.sub);
  assert.match(sub, /^[\w-]{22}$/);
  const { name, preferred_username: preferred, email, groups } = claims as Record<string, unknown>;
  assert.deepEqual(
    [name, preferred, email, groups],
    ["ben", "ben", "ben@example.org", ["members", "editors"]],
  );
  const info = await client.fetchUserInfo(photos, tokens.access_token, sub);
  assert.deepEqual(info["groups"], ["members", "editors"]);
  assert.equal(tokens.refresh_token, undefined);

  const again = await signIn(browser);
  assert.equal(again.tokens.claims()?.sub, sub, "the subject stays the same");
});

test("nothing is asked twice of who is signed in, and prompt=none says so of who is not", async () => {
  const browser = fixture.browser();
  const { url } = await begin({ prompt: "none" });
  assert.equal((await browser.follow(url.href)).elsewhere?.searchParams.get("error"), "login_required");
  await browser.signIn("ada");
  await signIn(browser);
  const silent = await browser.open((await begin({ prompt: "none" })).url.href);
  assert.ok(silent.elsewhere?.searchParams.get("code"));
});

test("a request without PKCE, or with the plain kind, is refused", async () => {
  const browser = fixture.browser();
  await browser.signIn("ada");
  const { url } = await begin();
  url.searchParams.delete("code_challenge");
  url.searchParams.delete("code_challenge_method");
  assert.equal((await browser.follow(url.href)).elsewhere?.searchParams.get("error"), "invalid_request");
  const plain = (await begin({ code_challenge_method: "plain" })).url;
  assert.equal((await browser.follow(plain.href)).elsewhere?.searchParams.get("error"), "invalid_request");
});

test("a redirect address that differs in anything is refused on a page, and leads nowhere", async () => {
  const browser = fixture.browser();
  await browser.signIn("ada");
  for (const uri of [
    `${redirectUri}/`,
    `${redirectUri}?x=1`,
    "https://photos.example.org.evil.example/callback",
    "https://evil.example/callback",
    "http://photos.example.org/callback",
    "//evil.example",
    "javascript:alert(1)",
  ]) {
    const visit = await browser.follow((await begin({ redirect_uri: uri })).url.href);
    assert.equal(visit.status, 400, uri);
    assert.equal(visit.elsewhere, undefined, uri);
    assert.match(visit.text, /invalid_redirect_uri/);
    assert.doesNotMatch(visit.text, /<script>(?!<)alert|href="javascript:/);
  }
  const unknown = await browser.follow(
    `${issuer}/oidc/authorize?client_id=nobody&redirect_uri=https://evil.example`,
  );
  assert.deepEqual([unknown.status, unknown.elsewhere], [400, undefined]);
});

test("a code is good once: sent again it takes back what it gave", async () => {
  const browser = fixture.browser();
  await browser.signIn("ada");
  const { tokens, elsewhere, checks } = await signIn(browser);
  const sub = String(tokens.claims()?.sub);
  await client.fetchUserInfo(photos, tokens.access_token, sub);
  await assert.rejects(client.authorizationCodeGrant(photos, elsewhere, checks), { error: "invalid_grant" });
  assert.equal(fixture.guess(), "failed");
  await assert.rejects(client.fetchUserInfo(photos, tokens.access_token, sub));
});

test("a wrong verifier, a wrong secret and a code that is too old get nothing", async (t) => {
  const browser = fixture.browser();
  await browser.signIn("ada");
  const code = async (): Promise<Request & { elsewhere: URL }> => {
    const request = await begin();
    return { ...request, elsewhere: (await browser.follow(request.url.href)).elsewhere as URL };
  };
  const checks = { expectedState: "s1", expectedNonce: "n1" };
  const wrong = { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() };
  await assert.rejects(client.authorizationCodeGrant(photos, (await code()).elsewhere, wrong), {
    error: "invalid_grant",
  });
  const { elsewhere, verifier } = await code();
  const impostor = await discover("photos", client.ClientSecretBasic("not the secret"));
  await assert.rejects(
    client.authorizationCodeGrant(impostor, elsewhere, { ...checks, pkceCodeVerifier: verifier }),
    { status: 401 },
  );
  assert.equal(fixture.guess(), "failed");
  const late = await code();
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 90_000 });
  await assert.rejects(
    client.authorizationCodeGrant(photos, late.elsewhere, { ...checks, pkceCodeVerifier: late.verifier }),
    { error: "invalid_grant" },
  );
});

test("a refresh token is exchanged at each use, and what was stolen ends with it", async () => {
  const browser = fixture.browser();
  await browser.signIn("ben");
  const { tokens } = await signIn(browser, { scope: "openid offline_access", prompt: "consent" });
  const first = tokens.refresh_token as string;
  assert.ok(first);
  const second = await client.refreshTokenGrant(photos, first);
  assert.notEqual(second.refresh_token, first);
  await assert.rejects(client.refreshTokenGrant(photos, first), { error: "invalid_grant" });
  await assert.rejects(client.refreshTokenGrant(photos, second.refresh_token as string), {
    error: "invalid_grant",
  });
});

test("an app gives its tokens back", async () => {
  const browser = fixture.browser();
  await browser.signIn("ben");
  const { tokens } = await signIn(browser, { scope: "openid offline_access", prompt: "consent" });
  await client.tokenRevocation(photos, tokens.refresh_token as string);
  await assert.rejects(client.refreshTokenGrant(photos, tokens.refresh_token as string));
  await assert.rejects(client.fetchUserInfo(photos, tokens.access_token, client.skipSubjectCheck));
});

test("who may not use an app is told so on a page, and the app hears of a refusal", async () => {
  const notes = await discover("notes", client.None());
  const uri = "https://notes.example.org/";
  const browser = fixture.browser();
  await browser.signIn("ben");
  const { url } = await begin({ redirect_uri: uri }, notes);
  const page = await browser.follow(url.href);
  assert.equal(page.status, 403);
  assert.match(page.text, /not open to you/);
  // The button that is not there.
  assert.equal((await browser.open(page.url, { form: { act: "agree" } })).status, 400);
  const back = await browser.follow(page.url, { form: { act: "refuse" } });
  assert.equal(back.elsewhere?.searchParams.get("error"), "access_denied");

  await browser.signIn("ada");
  const allowed = await browser.follow((await begin({ redirect_uri: uri }, notes)).url.href);
  assert.ok(allowed.elsewhere?.searchParams.get("code"));
});

test("a form that another site sends decides nothing", async () => {
  const notes = await discover("notes", client.None());
  const browser = fixture.browser();
  await browser.signIn("ben");
  const page = await browser.follow(
    (await begin({ redirect_uri: "https://notes.example.org/" }, notes)).url.href,
  );
  const forged = await browser.open(page.url, {
    form: { act: "refuse" },
    origin: "https://photos.example.org",
  });
  assert.deepEqual([forged.status, forged.elsewhere], [403, undefined]);
});

test("an app's tokens end with the account's right to it", async () => {
  const browser = fixture.browser();
  await fixture.members.register({
    name: "cat",
    password: "violet anchor ninety canoes",
    inviteToken: await fixture.invite(),
  });
  await browser.signIn("cat");
  const { tokens } = await signIn(browser, { scope: "openid offline_access profile", prompt: "consent" });
  const cat = fixture.members.find("cat");
  assert.ok(cat);
  await fixture.members.suspend(cat.id);
  await assert.rejects(client.fetchUserInfo(photos, tokens.access_token, client.skipSubjectCheck));
  await assert.rejects(client.refreshTokenGrant(photos, tokens.refresh_token as string), {
    error: "invalid_grant",
  });
  await fixture.members.unsuspend(cat.id);
  await client.fetchUserInfo(photos, tokens.access_token, client.skipSubjectCheck);
  await fixture.members.deactivate(cat.id);
  await assert.rejects(client.fetchUserInfo(photos, tokens.access_token, client.skipSubjectCheck));
});

test("the member's sign-out is the provider's too, and whoever comes next in the browser is somebody else", async () => {
  const browser = fixture.browser();
  await browser.signIn("ada");
  const { tokens } = await signIn(browser);
  const ada = String(tokens.claims()?.sub);
  await client.fetchUserInfo(photos, tokens.access_token, ada);
  await browser.signOut();
  await assert.rejects(client.fetchUserInfo(photos, tokens.access_token, ada));
  const silent = await browser.follow((await begin({ prompt: "none" })).url.href);
  assert.equal(silent.elsewhere?.searchParams.get("error"), "login_required");
  await browser.signIn("ben");
  assert.notEqual((await signIn(browser)).tokens.claims()?.sub, ada);
});

test("what outlasts a closed browser ends when its member signs out everywhere", async () => {
  const browser = fixture.browser();
  await browser.signIn("ben");
  const { tokens } = await signIn(browser, { scope: "openid offline_access", prompt: "consent" });
  await browser.signOut();
  const kept = await client.refreshTokenGrant(photos, tokens.refresh_token as string);
  await fixture.members.webSessions.endAll(fixture.members.find("ben")?.id ?? 0);
  await assert.rejects(client.refreshTokenGrant(photos, kept.refresh_token as string), {
    error: "invalid_grant",
  });
  await assert.rejects(client.fetchUserInfo(photos, kept.access_token, client.skipSubjectCheck));
});

test("an app that wants a fresh sign-in gets one", async (t) => {
  const browser = fixture.browser();
  await browser.signIn("ben");
  const { url, verifier } = await begin({ prompt: "login" });
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 5_000 });
  const asked = await browser.follow(url.href);
  assert.match(asked.text, /Confirm that it is you/);
  const next = new URL(asked.url).searchParams.get("next") ?? "";
  const wrong = await browser.open("/confirm", { form: { next, password: "not the password" } });
  assert.equal(wrong.status, 403);
  t.mock.timers.setTime(Date.now() + 2_000);
  const { elsewhere } = await browser.follow("/confirm", { form: { next, password } });
  const checks = { pkceCodeVerifier: verifier, expectedState: "s1", expectedNonce: "n1", maxAge: 60 };
  assert.ok(await client.authorizationCodeGrant(photos, elsewhere as URL, checks));
});

test("what is kept on disk opens nothing", async () => {
  const browser = fixture.browser();
  await browser.signIn("ben");
  const { tokens } = await signIn(browser, { scope: "openid offline_access", prompt: "consent" });
  const { readFile } = await import("node:fs/promises");
  const files = await Promise.all(["", "-wal"].map((end) => readFile(`${fixture.folder}/oidc.db${end}`)));
  const bytes = Buffer.concat(files);
  for (const secret of [tokens.access_token, tokens.refresh_token as string]) {
    assert.equal(bytes.includes(secret), false);
  }
  assert.deepEqual(fixture.log, []);
});

test("whatever the metadata names is there, and signs as it says", async () => {
  const metadata = (await (
    await fixture.fetch(`${issuer}/.well-known/openid-configuration`)
  ).json()) as Record<string, unknown>;
  const twin = await (await fixture.fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
  assert.deepEqual(twin, metadata);
  const endpoints = Object.entries(metadata).filter(([key]) => /_(?:endpoint|uri)$/.test(key));
  assert.equal(endpoints.length, 8);
  for (const [key, url] of endpoints) {
    assert.notEqual(
      (await fixture.fetch(String(url))).status === 404 &&
        (await fixture.fetch(String(url), { method: "POST" })).status,
      404,
      key,
    );
  }
  const { keys } = (await (await fixture.fetch(String(metadata["jwks_uri"]))).json()) as {
    keys: Record<string, string>[];
  };
  assert.deepEqual(
    keys.map(({ alg }) => alg),
    ["ES256", "RS256"],
  );
  for (const key of keys)
    for (const hidden of ["d", "p", "q", "dp", "dq", "qi"]) assert.equal(key[hidden], undefined);
});

test("an exchange of the signing keys keeps the earlier ones for a while", async () => {
  const browser = fixture.browser();
  await browser.signIn("ben");
  const { tokens } = await signIn(browser);
  const earlier = await keyIds();
  const { newOidcKeys } = await import("../../../origin/config/oidc-keys.ts");
  const { readSecret, writeSecret } = await import("../../../origin/config/secrets.ts");
  const rotate = async (): Promise<void> => {
    const next = await newOidcKeys(readSecret(fixture.folder, "oidc-keys"));
    writeSecret(fixture.folder, "oidc-keys", next);
    await fixture.restart();
  };
  await rotate();
  const during = await keyIds();
  assert.equal(during.length, 4);
  for (const kid of earlier) assert.ok(during.includes(kid));
  // What was given before the restart holds after it.
  await client.fetchUserInfo(photos, tokens.access_token, client.skipSubjectCheck);
  await rotate();
  const afterwards = await keyIds();
  assert.equal(afterwards.length, 4);
  for (const kid of earlier) assert.ok(!afterwards.includes(kid));
});

async function keyIds(): Promise<string[]> {
  const { keys } = (await (await fixture.fetch(`${issuer}/oidc/keys`)).json()) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}
