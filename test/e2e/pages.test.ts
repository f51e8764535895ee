import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { chooseDriver } from "../../origin/storage/open-driver.ts";
import { memberPassword, ownerPassword } from "../members/open-members.ts";
import { assertSound, chromiumPath, launchChromium } from "../support/chromium.ts";
import { freePort } from "../support/origin-process.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

const options = chromiumPath === undefined ? { skip: "skipped: no Chromium" } : { timeout: 110_000 };

const looks = [360, 1280].flatMap((width) =>
  (["light", "dark"] as const).map((colorScheme) => ({ width, colorScheme })),
);

let folder: string;
let home: TestOrigin;
let edge: RunningEdge;
let browser: Browser;

before(async () => {
  if (chromiumPath === undefined) return;
  folder = await mkdtemp(join(tmpdir(), "burrow-pages-"));
  const port = await freePort();
  home = await startTestOrigin({ dataDir: join(folder, "data"), publicUrl: `http://127.0.0.1:${port}` });
  const { url, edgeKey, hosts } = home.facts;
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const origin = new URL(url).host;
  edge = await startEdge({ root, origin, edgeKey, hosts, port, persistDir: join(folder, "edge") });
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await edge?.stop();
  await home?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

interface Visit {
  readonly page: Page;
  /** What a browser complained of: a breach of the content security policy, a script's error. */
  readonly complaints: string[];
}

async function visit(work: (visit: Visit) => Promise<void>, look: BrowserContextOptions = {}): Promise<void> {
  const context = await browser.newContext(look);
  context.setDefaultTimeout(40_000);
  const complaints: string[] = [];
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    // Chromium reports the status of a refused form so; that is the answer under test, not a fault of the page.
    if (/the server responded with a status of 4\d\d/.test(message.text())) return;
    complaints.push(message.text());
  });
  await work({ page, complaints });
  await context.close();
  assert.deepEqual(complaints, []);
}

/** One origin serves all looks, so what outlives every account in earnest is taken back by hand here. */
async function unclaim(): Promise<string> {
  const driver = chooseDriver()(join(home.origin.config.dataDir, "databases", "members.db"));
  driver.exec("PRAGMA busy_timeout = 5000; DELETE FROM members; DELETE FROM claim;");
  driver.close();
  return home.origin.members.createSetupToken();
}

async function makeInvite(): Promise<string> {
  const { members } = home.origin;
  if (!members.claimed()) await members.createOwner({ name: "ada", password: ownerPassword });
  const request = { name: "Ben", uses: 1, expiresInMs: 60_000, createdBy: null };
  return (await members.createInvite(request)).token;
}

async function fillAndSend(page: Page, name: string, password: string): Promise<void> {
  await page.getByLabel("Your name here").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: /Claim|Accept/ }).click();
}

for (const { width, colorScheme } of looks) {
  const look = { viewport: { width, height: 740 }, colorScheme };

  test(`claiming the server at ${width} px, ${colorScheme}`, options, async () => {
    const token = await unclaim();
    await visit(async ({ page }) => {
      await page.goto(edge.url);
      await page.getByText("no owner yet").waitFor();
      await assertSound(page);

      await page.goto(`${edge.url}/setup#bst_guess`);
      await fillAndSend(page, "Ada", ownerPassword);
      await page.getByRole("alert").getByText("set-up link is wrong").waitFor();
      await assertSound(page);
      assert.equal(await page.getByLabel("Set-up code").inputValue(), "bst_guess");
      assert.equal(await page.getByLabel("Your name here").inputValue(), "Ada");
      assert.equal(await page.getByLabel("Password", { exact: true }).inputValue(), "");

      await page.goto(`${edge.url}/setup#${token}`);
      await page.getByLabel("Set-up code").waitFor({ state: "hidden" });
      assert.equal(page.url(), `${edge.url}/setup`);
      await page.getByLabel("Your name here").fill("Ada");
      await page.getByText("You will be @ada:burrow.localhost.").waitFor();
      await assertSound(page);
      await fillAndSend(page, "Ada", ownerPassword);
      await page.getByRole("heading", { name: "The server is yours, ada" }).waitFor();
      await assertSound(page);
    }, look);
    assert.deepEqual(
      home.origin.members.list().map(({ name, role }) => [name, role]),
      [["ada", "owner"]],
    );
  });

  test(`accepting an invite at ${width} px, ${colorScheme}`, options, async () => {
    const token = await makeInvite();
    const name = `ben${width}${colorScheme}`;
    await visit(async ({ page }) => {
      await page.goto(`${edge.url}/invite#${token}`);
      await fillAndSend(page, "ada", memberPassword);
      await page.getByRole("alert").getByText("taken").waitFor();
      await assertSound(page);
      await fillAndSend(page, name, memberPassword);
      await page.getByText(`@${name}:burrow.localhost`, { exact: true }).waitFor();
      await page.getByText("Element X").first().click();
      await page.getByText("Change account provider").waitFor();
      await assertSound(page);

      await page.goto(edge.url);
      await page.getByText("This is a private server").waitFor();
      await assertSound(page);
    }, look);
    assert.ok(await home.origin.members.verifyPassword(name, memberPassword));
  });
}

test("the keyboard alone is enough", options, async () => {
  const token = await makeInvite();
  await visit(async ({ page }) => {
    await page.goto(`${edge.url}/invite#${token}`);
    await page.getByLabel("Invite code").waitFor({ state: "hidden" });
    await page.keyboard.type("cleo");
    await page.keyboard.press("Tab");
    await page.keyboard.type(memberPassword);
    await page.getByText("Long enough.").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    assert.equal(await page.getByLabel("Password", { exact: true }).getAttribute("type"), "text");
    await page.keyboard.press("Tab");
    const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
    assert.equal(outline, "solid");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Welcome, cleo" }).waitFor();
  });
});

test("without script the code is pasted by hand", options, async () => {
  const token = await makeInvite();
  await visit(
    async ({ page }) => {
      await page.goto(`${edge.url}/invite`);
      await page.getByLabel("Invite code").fill(token);
      await fillAndSend(page, "dora", memberPassword);
      await page.getByRole("heading", { name: "Welcome, dora" }).waitFor();
    },
    { javaScriptEnabled: false },
  );
});

test("an edge in front leaves our policy on the page, once", options, async () => {
  const answer = await fetch(edge.url);
  assert.match(
    answer.headers.get("content-security-policy") ?? "",
    /^default-src 'none'; script-src 'self';[^,]*$/,
  );
  assert.equal(answer.headers.get("referrer-policy"), "same-origin");
  assert.equal(answer.headers.get("cache-control"), "no-store");
});
