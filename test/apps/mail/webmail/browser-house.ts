/** The webmail in Chromium, through the real Worker: ada is signed in. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContext, BrowserContextOptions } from "playwright-core";
import { startEdge } from "../../../../origin/cli/dev/edge-process.ts";
import { createKdf } from "../../../../origin/members/kdf.ts";
import { memberPassword, ownerPassword } from "../../../members/open-members.ts";
import { launchChromium } from "../../../support/chromium.ts";
import { freePort } from "../../../support/origin-process.ts";
import { createSignedClient } from "../../../support/signed-client.ts";
import { startTestOrigin } from "../../../support/test-origin.ts";
import { openPrograms } from "../jmap/house.ts";

export type BrowserHouse = Awaited<ReturnType<typeof openBrowserHouse>>;

export async function openBrowserHouse() {
  const folder = await mkdtemp(join(tmpdir(), "burrow-webmail-"));
  const port = await freePort();
  const home = await startTestOrigin({
    dataDir: join(folder, "data"),
    publicUrl: `http://127.0.0.1:${port}`,
    kdf: createKdf({ memory: 8, passes: 1 }),
  });
  const { url, edgeKey, hosts } = home.facts;
  const { members } = home.origin;
  await members.createOwner({ name: "ada", password: ownerPassword });
  await members.createAccount({ name: "ben", password: memberPassword });
  const client = createSignedClient({ origin: url, edgeKey, host: "mail.burrow.localhost" });
  const [ada, edge, browser] = await Promise.all([
    openPrograms(members, client)("ada"),
    startEdge({
      root: fileURLToPath(new URL("../../../..", import.meta.url)),
      origin: new URL(url).host,
      edgeKey,
      hosts,
      port,
      persistDir: join(folder, "edge"),
    }),
    launchChromium(),
  ]);
  const at = (path = "/"): string => `http://mail.burrow.localhost:${port}${path}`;
  /** What pages have complained of, in any window. */
  const complaints: string[] = [];

  async function open(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      timezoneId: "Europe/Vienna",
      ...options,
    });
    context.setDefaultTimeout(30_000);
    context.on("page", (page) => {
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error" && !/status of 4|net::ERR_FAILED/.test(message.text()))
          complaints.push(message.text());
      });
    });
    return context;
  }

  /** By the sign-in host, and back to the page that was wanted. */
  async function signIn(path: string): Promise<{ context: BrowserContext; arrivedAt: string }> {
    const context = await open();
    const page = await context.newPage();
    await page.goto(at(path));
    await page.getByLabel("Name").fill("ada");
    await page.getByLabel("Password", { exact: true }).fill(ownerPassword);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.locator("#boxes").waitFor({ state: "attached" });
    const arrivedAt = page.url();
    await page.close();
    return { context, arrivedAt };
  }
  const { context: signedIn, arrivedAt } = await signIn("/box/m2");

  return {
    ada,
    at,
    arrivedAt,
    signedIn,
    complaints,
    /** Another window with the same cookies. */
    async openAlso(options: BrowserContextOptions): Promise<BrowserContext> {
      const context = await open(options);
      await context.addCookies(await signedIn.cookies());
      return context;
    },
    async close() {
      await browser.close();
      await edge.stop();
      client.close();
      await home.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
