/** Signing in to apps and chat apps with a browser, through the real Worker: by openid-client and matrix-js-sdk. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { OAuth2, type ValidatedAuthMetadata } from "matrix-js-sdk/lib/oauth/index.js";
import * as client from "openid-client";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { makeDataFolder } from "../../origin/config/data-folder.ts";
import { configFile } from "../../origin/config/read-config.ts";
import { createSecrets, writeClientSecret } from "../../origin/config/secrets.ts";
import { memberPassword, ownerPassword } from "../members/open-members.ts";
import { assertSound, chromiumPath, launchChromium } from "../support/chromium.ts";
import { freePort } from "../support/origin-process.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

const options = chromiumPath === undefined ? { skip: "skipped: no Chromium" } : { timeout: 110_000 };
const secret = "an-app-proves-itself-with-these-words";

let folder: string;
/** Where clients wait for the answer. */
let app: Server;
let redirectUri: string;
let home: TestOrigin;
let edge: RunningEdge;
let browser: Browser;
let port: number;

before(async () => {
  if (chromiumPath === undefined) return;
  folder = await mkdtemp(join(tmpdir(), "burrow-openid-"));
  app = createServer((_incoming, outgoing) => {
    outgoing.setHeader("content-type", "text/html");
    outgoing.end("<!doctype html><html lang=en><title>Back in the app</title><h1>Back in the app</h1>");
  }).listen(0, "127.0.0.1");
  await once(app, "listening");
  redirectUri = `http://127.0.0.1:${(app.address() as AddressInfo).port}/callback`;
  port = await freePort();
  const dataDir = join(folder, "data");
  makeDataFolder(dataDir);
  createSecrets(dataDir);
  writeClientSecret(dataDir, "photos", secret);
  writeFileSync(
    configFile(dataDir),
    `mode = "development"\nserver_name = "burrow.localhost"\n
    [[oidc_client]]\nid = "photos"\nname = "Photos"\nredirect_uris = ["${redirectUri}"]\n`,
  );
  home = await startTestOrigin({ dataDir, publicUrl: `http://127.0.0.1:${port}` });
  const { members } = home.origin;
  await members.createOwner({ name: "ada", password: ownerPassword });
  await members.createAccount({ name: "ben", password: memberPassword });
  const { url, edgeKey, hosts } = home.facts;
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const persistDir = join(folder, "edge");
  edge = await startEdge({ root, origin: new URL(url).host, edgeKey, hosts, port, persistDir });
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await edge?.stop();
  await home?.close();
  app?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** fetch for `*.localhost`, which Node does not resolve. */
const fetchLocal = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
  const asked = new Request(input, init);
  const url = new URL(asked.url);
  const sent = request({
    host: "127.0.0.1",
    port: url.port,
    path: url.pathname + url.search,
    method: asked.method,
    headers: { ...Object.fromEntries(asked.headers), host: url.host },
  });
  sent.end(Buffer.from(await asked.arrayBuffer()));
  const [answer] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const headers = Object.entries(answer.headers).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  return new Response(Buffer.concat(chunks), { status: answer.statusCode ?? 0, headers });
};

async function visit(look: BrowserContextOptions, work: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext(look);
  context.setDefaultTimeout(40_000);
  const complaints: string[] = [];
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  await work(page);
  await context.close();
  assert.deepEqual(complaints, []);
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel("Name").fill("ben");
  await page.getByLabel("Password", { exact: true }).fill(memberPassword);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

test("an app signs somebody in with a browser that has never been here", options, async () => {
  const issuer = new URL(`http://id.burrow.localhost:${port}`);
  const config = await client.discovery(issuer, "photos", {}, client.ClientSecretBasic(secret), {
    [client.customFetch]: fetchLocal as client.CustomFetch,
    execute: [client.allowInsecureRequests],
  });
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const asked = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: "openid profile groups",
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: "state",
  });
  await visit({}, async (page) => {
    await page.goto(asked.href);
    await signIn(page);
    await page.getByRole("heading", { name: "Back in the app" }).waitFor();
    const checks = { pkceCodeVerifier, expectedState: "state" };
    const tokens = await client.authorizationCodeGrant(config, new URL(page.url()), checks);
    const { name, groups } = tokens.claims() as Record<string, unknown>;
    assert.deepEqual([name, groups], ["ben", ["members"]]);
    // The second time nothing is asked.
    await page.goto(asked.href);
    await page.getByRole("heading", { name: "Back in the app" }).waitFor();
    await page.goto(`${issuer.origin}/`);
    await page
      .getByRole("button", { name: /Sign out/ })
      .first()
      .click();
    await page.goto(asked.href);
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await assert.rejects(client.fetchUserInfo(config, tokens.access_token, client.skipSubjectCheck));
  });
});

async function prepareChat(t: TestContext): Promise<{ oauth: OAuth2; to: string }> {
  t.mock.method(globalThis, "fetch", fetchLocal);
  const base = `http://127.0.0.1:${port}`;
  const metadata = (await (
    await fetch(`${base}/_matrix/client/v1/auth_metadata`)
  ).json()) as ValidatedAuthMetadata;
  const clientId = await OAuth2.registerClient(metadata, {
    client_name: "Chat",
    client_uri: new URL("/", redirectUri).href,
    redirect_uris: [redirectUri],
  });
  return { oauth: new OAuth2(metadata, { clientId }), to: redirectUri };
}

for (const look of [
  { viewport: { width: 360, height: 740 }, colorScheme: "dark" },
  { viewport: { width: 1280, height: 740 }, colorScheme: "light" },
] as const) {
  const { width } = look.viewport;
  test(`somebody new signs up from within a chat app with an invite, at ${width} px`, options, async (t) => {
    const { oauth, to } = await prepareChat(t);
    const { members } = home.origin;
    const { token } = await members.createInvite({ name: "", uses: 1, expiresInMs: 60_000, createdBy: null });
    const name = `dora${width}`;
    await visit(look, async (page) => {
      await page.goto(await oauth.generateAuthorizationCodeGrantUrl("state", to, "query", "create"));
      await assertSound(page);
      await page.getByLabel("Invite code").fill(token);
      await page.getByLabel("Your name here").fill(name);
      await page.getByLabel("Password", { exact: true }).fill(memberPassword);
      await page.getByRole("button", { name: "Make the account" }).click();
      await page.getByRole("heading", { name: "Sign in to Chat?" }).waitFor();
      await assertSound(page);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.getByRole("heading", { name: "Back in the app" }).waitFor();
      const code = new URL(page.url()).searchParams.get("code") ?? "";
      const tokens = await oauth.completeAuthorizationCodeGrant(code, to);
      const headers = { authorization: `Bearer ${tokens.access_token}` };
      const whoami = await fetch(`http://127.0.0.1:${port}/_matrix/client/v3/account/whoami`, { headers });
      assert.equal(((await whoami.json()) as { user_id: string }).user_id, `@${name}:burrow.localhost`);
    });
  });

  test(`a device's code is typed and compared, at ${width} px`, options, async (t) => {
    const { oauth } = await prepareChat(t);
    const device = await oauth.startDeviceAuthorizationGrant();
    await visit(look, async (page) => {
      await page.goto(device.verification_uri_complete ?? "");
      await signIn(page);
      await page.getByRole("heading", { name: "Sign in a device" }).waitFor();
      await assertSound(page);
      assert.equal(await page.getByLabel("Code").inputValue(), device.user_code);
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByRole("heading", { name: "Sign in this device?" }).waitFor();
      await assertSound(page);
      await page.getByRole("button", { name: "Sign it in" }).click();
      await page.getByRole("heading", { name: "Signed in" }).waitFor();
      const tokens = await oauth.waitForDeviceAuthorizationGrant(device);
      assert.match("access_token" in tokens ? tokens.access_token : "", /^bat_/);
      for (const action of ["devices_list", "account_deactivate", "cross_signing_reset"]) {
        await page.goto(`http://id.burrow.localhost:${port}/oidc/account?action=org.matrix.${action}`);
        await assertSound(page);
      }
    });
  });
}
