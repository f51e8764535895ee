/** Signing in with a browser: from an app to the sign-in host and back, through the real Worker, and at the origin. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { memberPassword, ownerPassword } from "../members/open-members.ts";
import { freePort } from "../support/origin-process.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

const executable = [
  "/usr/bin/chromium",
  ...(process.env.PATH ?? "").split(delimiter).map((at) => join(at, "chromium")),
].find((path) => existsSync(path));
const options = executable === undefined ? { skip: "skipped: no Chromium" } : { timeout: 110_000 };

let folder: string;
let upstream: Server;
let home: TestOrigin;
let edge: RunningEdge;
let browser: Browser;
let port: number;
const seen: { user: string | undefined; cookie: string | undefined }[] = [];

const at = (host: string, path = "/"): string => `http://${host}.burrow.localhost:${port}${path}`;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "burrow-sign-in-"));
  upstream = createServer((incoming, outgoing) => {
    const { cookie } = incoming.headers;
    seen.push({ user: String(incoming.headers["remote-user"]), cookie });
    outgoing.setHeader("content-type", "text/html");
    outgoing.end(`<title>Notes</title><p id="who">${String(incoming.headers["remote-user"])}</p>`);
  }).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  port = await freePort();
  home = await startTestOrigin({
    dataDir: join(folder, "data"),
    publicUrl: `http://127.0.0.1:${port}`,
    settings: `[[app]]\nname = "notes"\nupstream = "http://127.0.0.1:${(upstream.address() as AddressInfo).port}"\nwho = "members"\n`,
  });
  const { url, edgeKey, hosts } = home.facts;
  const { members } = home.origin;
  await members.createOwner({ name: "ada", password: ownerPassword });
  await members.createAccount({ name: "ben", password: memberPassword });
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const persistDir = join(folder, "edge");
  edge = await startEdge({ root, origin: new URL(url).host, edgeKey, hosts, port, persistDir });
  if (executable === undefined) return;
  const args =
    "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync";
  browser = await chromium.launch({ executablePath: executable, args: args.split(" ") });
});

after(async () => {
  await browser?.close();
  await edge?.stop();
  await home?.close();
  upstream?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function signIn(page: Page, name = "ben", password = memberPassword): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

test("a browser signs in once, is handed over to an app, and signs out of all", options, async () => {
  const context = await browser.newContext();
  const complaints: string[] = [];
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of 40[13]/.test(message.text()))
      complaints.push(message.text());
  });
  await page.goto(at("notes", "/folder/?page=2"));
  assert.match(page.url(), /^http:\/\/id\.burrow\.localhost:\d+\/sign-in\?next=/);
  await signIn(page);
  await page.locator("#who").getByText("ben").waitFor();
  assert.equal(page.url(), at("notes", "/folder/?page=2"));
  const cookies = await context.cookies();
  assert.deepEqual(
    cookies
      .map(({ name, domain, httpOnly, secure, sameSite }) => [name, domain, httpOnly, secure, sameSite])
      .toSorted(),
    [
      ["__Host-burrow-device", "id.burrow.localhost", true, true, "Lax"],
      ["__Host-burrow-session", "id.burrow.localhost", true, true, "Lax"],
      ["__Host-burrow-session", "notes.burrow.localhost", true, true, "Lax"],
    ],
  );
  assert.ok(seen.length > 0);
  for (const { cookie } of seen) assert.doesNotMatch(cookie ?? "", /burrow/);

  await page.goto(at("id"));
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("heading", { name: "Signed out" }).waitFor();
  await page.goto(at("notes"));
  assert.match(page.url(), /\/sign-in\?next=/);
  await context.close();
  assert.deepEqual(complaints, []);
});
