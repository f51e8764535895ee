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

/** Without a process for each sandboxed frame: that takes seconds, and what they may must not depend on it. */
export function launchChromium(): Promise<Browser> {
  const args =
    "--disable-features=IsolateSandboxedIframes --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync";
  return chromium.launch({ executablePath: chromiumPath ?? "chromium", args: args.split(" ") });
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
