import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import { type Browser, chromium, type Page } from "playwright-core";

/** Debian's Chromium, or one on the path; undefined where there is none. */
export const chromiumPath = [
  "/usr/bin/chromium",
  ...(process.env.PATH ?? "").split(delimiter).map((at) => join(at, "chromium")),
].find((path) => existsSync(path));

/**
 * A browser that opens pages. Chromium may hang for good at its start on a loaded machine, and says nothing then:
 * another is started in its place. Without a process for each sandboxed frame: that takes seconds, and what they may
 * must not depend on it.
 */
export async function launchChromium(): Promise<Browser> {
  const args =
    "--disable-features=IsolateSandboxedIframes --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync";
  for (let attempt = 1; ; attempt += 1) {
    let browser: Browser | undefined;
    try {
      browser = await chromium.launch({
        executablePath: chromiumPath ?? "chromium",
        args: args.split(" "),
        timeout: startMs,
      });
      await within("Opening a page", openPage(browser), startMs);
      return browser;
    } catch (error) {
      // Its end may hang as well; this process takes it along.
      void browser?.close().catch(() => {});
      if (attempt === 3) throw error;
    }
  }
}

/** What Chromium may take to start or to open its first page. */
const startMs = 20_000;

async function openPage(browser: Browser): Promise<void> {
  const page = await browser.newPage();
  await page.goto("about:blank");
  await page.close();
}

/** What the work gives; rejects once it takes longer. */
export async function within<T>(what: string, work: Promise<T>, patienceMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} took longer than ${patienceMs} ms.`)), patienceMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** The page has no fault that axe knows of, and is not wider than the window. */
export async function assertSound(page: Page): Promise<void> {
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(axe);
  const violations = await page.evaluate<string[]>(
    "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' | ')))",
  );
  assert.deepEqual(violations, [], page.url());
  const beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
  assert.ok(Number(beyond) <= 0, `${page.url()} is ${String(beyond)} px too wide`);
}
