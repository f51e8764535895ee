/** Accounts through the real Worker: keys of programs, and signing in with a browser that has an authenticator. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, CDPSession, Page } from "playwright-core";
import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { chooseDriver } from "../../origin/storage/open-driver.ts";
import { memberPassword, ownerPassword } from "../members/open-members.ts";
import { appCode } from "../support/app-code.ts";
import { assertSound, chromiumPath, launchChromium } from "../support/chromium.ts";
import { freePort } from "../support/origin-process.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

const device = { via: "device" } as const;

let folder: string;
let upstream: Server;
let home: TestOrigin;
let edge: RunningEdge;
let port: number;
let browser: Browser | undefined;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "burrow-accounts-"));
  upstream = createServer((incoming, outgoing) => {
    outgoing.end(
      JSON.stringify({ user: incoming.headers["remote-user"], auth: incoming.headers.authorization }),
    );
  }).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const { port: upstreamPort } = upstream.address() as AddressInfo;
  port = await freePort();
  home = await startTestOrigin({
    dataDir: join(folder, "data"),
    publicUrl: `http://127.0.0.1:${port}`,
    settings: `[[app]]\nname = "notes"\nupstream = "http://127.0.0.1:${upstreamPort}"\nwho = "members"\napp_passwords = true\n[honeypot]\nenabled = true\n`,
  });
  const { url, edgeKey, hosts } = home.facts;
  const { members } = home.origin;
  const ada = await members.createOwner({ name: "ada", password: ownerPassword });
  const invite = await members.createInvite({ name: "", uses: 1, expiresInMs: 60_000, createdBy: ada.id });
  await members.register({ name: "ben", password: memberPassword, inviteToken: invite.token });
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const persistDir = join(folder, "edge");
  edge = await startEdge({ root, origin: new URL(url).host, edgeKey, hosts, port, persistDir });
  if (chromiumPath !== undefined) browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await edge?.stop();
  await home?.close();
  upstream?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Through the edge, at a host of ours: `*.localhost` is no name that Node resolves. */
async function ask(host: string, path: string, headers: Record<string, string> = {}) {
  const sent = request({
    host: "127.0.0.1",
    port,
    path,
    headers: { host: `${host}:${port}`, ...headers },
  }).end();
  const [answer] = await once(sent, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode as number, text: Buffer.concat(chunks).toString() };
}

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

test("an app password opens an app behind the gate, the account's password and a revoked one do not", async () => {
  const { members } = home.origin;
  const memberId = members.find("ben")?.id ?? 0;
  const make = (scope: string) =>
    members.keys.create(device, { memberId, kind: "app-password", name: "Sync", scopes: [scope] });
  const [{ secret, id }, mail] = [await make("apps"), await make("mail")];
  const open = (user: string, password: string) =>
    ask("notes.burrow.localhost", "/", { authorization: basic(user, password) });
  for (const user of ["ben", "ben@burrow.localhost", "@ben:burrow.localhost"]) {
    const { status, text } = await open(user, secret);
    assert.equal(status, 200, text);
    assert.deepEqual(JSON.parse(text), { user: "ben" });
  }
  assert.equal((await open("ada", secret)).status, 401);
  assert.equal((await open("ben", memberPassword)).status, 401);
  assert.equal((await open("ben", mail.secret)).status, 403);
  await members.keys.revoke(device, id);
  assert.equal((await open("ben", secret)).status, 401);
});

test("an API key opens the figures and the owner's API through the edge, and nothing of Matrix", async () => {
  const { members } = home.origin;
  const memberId = members.find("ada")?.id ?? 0;
  const scopes = ["metrics", "admin:read"];
  const wanted = { memberId, kind: "api-key", name: "Prometheus", scopes, expiresInMs: 60_000 } as const;
  const { secret } = await members.keys.create(device, wanted);
  const get = (path: string) => ask("burrow.localhost", path, { authorization: `Bearer ${secret}` });
  assert.match((await get("/_burrow/metrics")).text, /^# /);
  assert.equal((await get("/_burrow/admin/v1/members")).status, 200);
  assert.equal((await get("/_matrix/client/v3/account/whoami")).status, 401);
  assert.equal(
    (await ask("burrow.localhost", "/_burrow/metrics", { authorization: "Bearer x" })).status,
    404,
  );
});

const options = chromiumPath === undefined ? { skip: "skipped: no Chromium" } : { timeout: 110_000 };

/** A phone with its screen lock: it holds passkeys, and says yes to whatever page asks. */
interface Phone {
  readonly page: Page;
  readonly passkeys: () => Promise<number>;
  readonly complaints: string[];
  readonly close: () => Promise<void>;
}

async function takePhone(): Promise<Phone> {
  assert.ok(browser);
  const context: BrowserContext = await browser.newContext({ viewport: { width: 360, height: 740 } });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text()))
      complaints.push(message.text());
  });
  const session: CDPSession = await context.newCDPSession(page);
  await session.send("WebAuthn.enable");
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    page,
    complaints,
    passkeys: async () =>
      (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials.length,
    close: () => context.close(),
  };
}

const at = (path: string): string => `http://id.burrow.localhost:${port}${path}`;

const pictures = process.env["BURROW_SCREENSHOTS"];

/** On a phone by day; `everywhere` on a wide screen by night as well, and with a folder for pictures in all four looks. */
async function look(page: Page, name: string, everywhere = false): Promise<void> {
  const looks = [
    ...(everywhere || pictures ? [{ width: 1280, colorScheme: "dark" } as const] : []),
    ...(pictures
      ? ([
          { width: 1280, colorScheme: "light" },
          { width: 360, colorScheme: "dark" },
        ] as const)
      : []),
    { width: 360, colorScheme: "light" } as const,
  ];
  for (const { width, colorScheme } of looks) {
    await page.setViewportSize({ width, height: 740 });
    await page.emulateMedia({ colorScheme });
    await assertSound(page);
    if (!pictures) continue;
    await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
  }
}

async function signOut(page: Page): Promise<void> {
  await page.goto(at("/sign-out"));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("This browser is signed out").waitFor();
}

async function givePassword(
  page: Page,
  next = "/",
  { name = "ben", password = memberPassword } = {},
): Promise<void> {
  await page.goto(at(`/sign-in?next=${encodeURIComponent(next)}`));
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** As if the member had signed in an hour ago. */
function letAnHourPass(): void {
  const driver = chooseDriver()(join(home.origin.config.dataDir, "databases", "members.db"));
  driver.exec(
    "PRAGMA busy_timeout = 5000; UPDATE web_sessions SET authenticated_at = authenticated_at - 3600000",
  );
  driver.close();
}

test(
  "a passkey is added, signs in alone, is the second step, and confirms an old sign-in",
  options,
  async () => {
    const phone = await takePhone();
    const { page } = phone;
    await givePassword(page, "/factors");
    await page.getByRole("heading", { name: "How you sign in" }).waitFor();
    await page.getByLabel("Name of the new passkey").fill("My phone");
    await page.getByRole("button", { name: "Add a passkey" }).click();
    await page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
    await look(page, "recovery-codes");
    assert.equal(await phone.passkeys(), 1);
    await page.getByText("I have them").click();
    await page.getByRole("strong").getByText("My phone").waitFor();
    // The same device does not keep two.
    await page.getByRole("button", { name: "Add a passkey" }).click();
    await page.getByRole("alert").getByText("has a passkey for your account already").waitFor();

    await signOut(page);
    await page.goto(at("/sign-in?next=%2Ffactors"));
    await page.getByRole("button", { name: "Sign in with a passkey" }).waitFor();
    await look(page, "sign-in");
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.getByRole("heading", { name: "How you sign in" }).waitFor();
    await look(page, "factors", true);

    await signOut(page);
    await givePassword(page, "/keys");
    await page.getByRole("heading", { name: "One more step" }).waitFor();
    await page.goto(at("/factors"));
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.goto(at("/sign-in/second-step"));
    await page.getByRole("button", { name: "Use a passkey" }).click();
    await page.getByRole("heading", { name: "Keys for programs" }).waitFor();

    letAnHourPass();
    await page.goto(at("/keys"));
    await page.getByRole("heading", { name: "Confirm that it is you" }).waitFor();
    await look(page, "confirm");
    await page.getByRole("button", { name: "Use a passkey" }).click();
    await page.getByRole("heading", { name: "Keys for programs" }).waitFor();

    await page.locator("summary", { hasText: "Make an app password" }).click();
    await page.getByLabel("What it is for").first().fill("Mail on my phone");
    await page
      .getByLabel(/your mail/i)
      .first()
      .check();
    await look(page, "keys", true);
    await page.getByRole("button", { name: "Make the app password" }).click();
    await page.getByRole("heading", { name: "Your app password" }).waitFor();
    await look(page, "app-password");
    assert.deepEqual(phone.complaints, []);
    await phone.close();
  },
);

test(
  "an authenticator app and a recovery code are the second step where no passkey is",
  options,
  async () => {
    const phone = await takePhone();
    const { page } = phone;
    const { members } = home.origin;
    const memberId = members.find("ben")?.id ?? 0;
    await members.resetFactors(device, memberId);
    await givePassword(page, "/factors");
    await page.getByRole("button", { name: "Set up an app" }).click();
    await page.getByRole("heading", { name: "Set up an authenticator app" }).waitFor();
    await look(page, "authenticator");
    const secret = ((await page.locator(".secret code").textContent()) ?? "").replaceAll(" ", "");
    await page.getByLabel("Six digits").fill(appCode(secret, Date.now() - 30_000));
    await page.getByRole("button", { name: "Finish" }).click();
    const [code = "", nextCode = ""] = await page.locator(".codes code").allTextContents();

    await signOut(page);
    await givePassword(page, "/factors");
    await page.getByLabel("Six digits").waitFor();
    await look(page, "second-step");
    assert.equal(await page.getByRole("button", { name: "Use a passkey" }).count(), 0);
    await page.getByLabel("Six digits").fill(appCode(secret, Date.now()));
    await page.getByRole("button", { name: "Sign in", exact: true }).first().click();
    await page.getByText("You have 10 left").waitFor();

    await signOut(page);
    await givePassword(page, "/factors");
    await page.locator("summary", { hasText: "Use a recovery code" }).click();
    const field = page.getByLabel("Recovery code", { exact: true });
    await field.fill("aaaa-bbbb-cccc-dddd");
    await field.press("Enter");
    await page.getByRole("alert").getByText("not right").waitFor();
    await look(page, "second-step-wrong", true);
    await field.fill(code.toUpperCase());
    await field.press("Enter");
    await page.getByText("You have 9 left").waitFor();

    letAnHourPass();
    await page.goto(at("/factors"));
    await page.getByLabel("Password", { exact: true }).fill(memberPassword);
    await page.getByLabel("or a recovery code").fill("000000");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("alert").getByText("The password or the code is not right").waitFor();
    await look(page, "confirm-wrong", true);
    await page.getByLabel("Password", { exact: true }).fill(memberPassword);
    await page.getByLabel("or a recovery code").fill(nextCode);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByText("You have 8 left").waitFor();
    assert.deepEqual(phone.complaints, []);
    await phone.close();
  },
);

/** As if the edge had told of it. */
function noteProbe(target: string): void {
  const driver = chooseDriver()(join(home.origin.config.dataDir, "databases", "honeypot.db"));
  driver.exec("PRAGMA busy_timeout = 5000");
  driver
    .prepare(
      `INSERT INTO probe (source, address, country, host, method, target, rule, family, outcome, count, score, first_at, last_at)
       VALUES ('198.51.100.7/32', '198.51.100.7', 'NL', 'burrow.localhost', 'GET', ?, 'vcs/git', 'vcs', 'seen', 2, 60, ?, ?)`,
    )
    .run(target, Date.now(), Date.now());
  driver.close();
}

test("the owner sees wrong tries and probes, and lets somebody try again", options, async () => {
  const phone = await takePhone();
  const { page } = phone;
  for (const password of ["one guess", "another guess"])
    await givePassword(page, "/", { name: "ben or whoever", password });
  noteProbe("/.git/config?<b>");
  await givePassword(page, "/security", { name: "ada", password: ownerPassword });
  await page.getByRole("heading", { name: "Security of this server" }).waitFor();
  await page.getByText("GET /.git/config?<b>").waitFor();
  await look(page, "security", true);
  await page.locator("summary", { hasText: "Forget ben or whoever" }).click();
  await page.getByRole("button", { name: /^Forget it.*ben or whoever$/ }).click();
  await page.getByRole("status").getByText("Forgotten").waitFor();
  assert.equal(await page.getByText("ben or whoever").count(), 0);
  assert.deepEqual(phone.complaints, []);
  await phone.close();
});
