/** The webmail in Chromium, through the real Worker: ada is signed in. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContext, BrowserContextOptions } from "playwright-core";
import { startEdge } from "../../../../origin/cli/dev/edge-process.ts";
import { createKdf } from "../../../../origin/members/kdf.ts";
import { memberPassword, ownerPassword } from "../../../members/open-members.ts";
import { launchChromium, within } from "../../../support/chromium.ts";
import { freePort } from "../../../support/origin-process.ts";
import { createSignedClient } from "../../../support/signed-client.ts";
import { startTestOrigin } from "../../../support/test-origin.ts";
import { openPrograms } from "../jmap/house.ts";

export type BrowserHouse = Awaited<ReturnType<typeof openBrowserHouse>>;

/** What a part may take to open, answer or close. Chromium may hang for good on a loaded machine, and says nothing then. */
const patienceMs = 30_000;

/** Opens it, or closes again what of it had opened. */
export async function openBrowserHouse() {
  const cleanups: [what: string, cleanup: () => Promise<unknown>][] = [];
  async function close(): Promise<void> {
    const faults: unknown[] = [];
    for (const [what, cleanup] of cleanups.splice(0).toReversed())
      await within(`Closing ${what}`, cleanup(), patienceMs).catch((error: unknown) => faults.push(error));
    if (faults.length > 0) throw new AggregateError(faults, faults.map(String).join(" "));
  }
  try {
    return { ...(await open(cleanups)), close };
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
}

async function open(cleanups: [what: string, cleanup: () => Promise<unknown>][]) {
  const folder = await mkdtemp(join(tmpdir(), "burrow-webmail-"));
  cleanups.push(["the folder", () => rm(folder, { recursive: true, force: true })]);
  const port = await freePort();
  const home = await startTestOrigin({
    dataDir: join(folder, "data"),
    publicUrl: `http://127.0.0.1:${port}`,
    kdf: createKdf({ memory: 8, passes: 1 }),
  });
  cleanups.push(["the server", () => home.close()]);
  const { url, edgeKey, hosts } = home.facts;
  const { members } = home.origin;
  await members.createOwner({ name: "ada", password: ownerPassword });
  await members.createAccount({ name: "ben", password: memberPassword });
  const client = createSignedClient({ origin: url, edgeKey, host: "mail.burrow.localhost" });
  cleanups.push(["the client", async () => client.close()]);
  const ada = await openPrograms(members, client)("ada");
  const edge = await startEdge({
    root: fileURLToPath(new URL("../../../..", import.meta.url)),
    origin: new URL(url).host,
    edgeKey,
    hosts,
    port,
    persistDir: join(folder, "edge"),
  });
  cleanups.push(["the Worker", () => edge.stop()]);
  const browser = await launchChromium();
  cleanups.push(["Chromium", () => browser.close()]);
  const at = (path = "/"): string => `http://mail.burrow.localhost:${port}${path}`;
  /** What pages have complained of, in any window. */
  const complaints: string[] = [];

  async function openWindow(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await within(
      "Opening a window",
      browser.newContext({
        viewport: { width: 1280, height: 800 },
        timezoneId: "Europe/Vienna",
        ...options,
      }),
      patienceMs,
    );
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
    const context = await openWindow();
    const page = await within("Opening a page", context.newPage(), patienceMs);
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
      const context = await openWindow(options);
      await context.addCookies(await signedIn.cookies());
      return context;
    },
    /** Rejects where the browser has stopped answering: each test would wait for its own end. */
    async answers(): Promise<void> {
      const page = await within("Opening a page", signedIn.newPage(), patienceMs);
      await within("Closing a page", page.close(), patienceMs);
    },
  };
}
