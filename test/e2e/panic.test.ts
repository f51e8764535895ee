/** E8, E10, P1 through the real Worker: the panic at the edge, signs of life, and the page that takes the kill code. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { formatKillCode, readKillCode } from "../../shared/kill-code.ts";
import { ownerPassword } from "../members/open-members.ts";
import { assertSound, chromiumPath, launchChromium } from "../support/chromium.ts";
import { freePort } from "../support/origin-process.ts";
import { runCommand } from "../support/run-command.ts";
import { sendSignOfLife } from "../support/sign-of-life.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const code = formatKillCode(randomBytes(20));
const hashOf = (text: string): string =>
  createHash("sha256")
    .update(readKillCode(text) ?? "")
    .digest("hex");

let folder: string;
let home: TestOrigin;
let edge: RunningEdge;
let edgePort: number;

async function openEdge(killCode: string): Promise<RunningEdge> {
  const { url, edgeKey, hosts } = home.facts;
  return await startEdge({
    root,
    origin: new URL(url).host,
    edgeKey,
    hosts,
    port: edgePort,
    persistDir: join(folder, "edge"),
    vars: { KILL_CODE_HASH: hashOf(killCode) },
  });
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "burrow-panic-"));
  edgePort = await freePort();
  home = await startTestOrigin({
    dataDir: join(folder, "data"),
    publicUrl: `http://127.0.0.1:${edgePort}`,
  });
  edge = await openEdge(code);
});

after(async () => {
  await edge?.stop();
  await home?.close();
  await rm(folder, { recursive: true, force: true });
});

const burrow = (...words: string[]) => runCommand(["--data", join(folder, "data"), "--json", ...words]);

const signOfLife = (): Promise<boolean> => sendSignOfLife(home.origin.config, home.facts.edgeKey);

test("a panic at the origin ends what waits, is told to the edge, and outlasts the origin there", async () => {
  await home.origin.members.createOwner({ name: "ada", password: ownerPassword });
  const login = await fetch(`${edge.url}/_matrix/client/v3/login`, {
    method: "POST",
    body: JSON.stringify({
      type: "m.login.password",
      identifier: { type: "m.id.user", user: "ada" },
      password: ownerPassword,
    }),
  });
  const { access_token: token } = (await login.json()) as { access_token: string };
  const sync = (query: string) =>
    fetch(`${edge.url}/_matrix/client/v3/sync?${query}`, { headers: { authorization: `Bearer ${token}` } });
  const { next_batch: since } = (await (await sync("")).json()) as { next_batch: string };
  const waiting = sync(`timeout=30000&since=${since}`);
  // It has reached the origin once another one behind it was answered.
  await (await fetch(`${edge.url}/_matrix/client/versions`)).text();
  assert.equal((await burrow("panic", "soft")).json()["daemon"], "in-force");
  assert.equal((await waiting).status, 503);

  const { edgeKey } = home.facts;
  await home.close();
  const shut = await fetch(`${edge.url}/api`);
  assert.equal(shut.status, 503);
  assert.deepEqual(await shut.json(), {
    error: "closed",
    message: "This server is closed for now. Try again later.",
  });

  const port = Number(new URL(home.facts.url).port);
  home = await startTestOrigin({ dataDir: join(folder, "data"), port, publicUrl: edge.url });
  assert.equal(home.facts.edgeKey, edgeKey);
  await burrow("panic", "clear");
  assert.equal(await signOfLife(), true);
  assert.equal((await fetch(edge.url)).status, 200, "it has heard of the end by itself");
});

test(
  "with nothing but a browser and the printed code the server is shut off, for good",
  chromiumPath === undefined ? { skip: "skipped: no Chromium" } : { timeout: 110_000 },
  async (t) => {
    const browser = await launchChromium();
    t.after(() => browser.close());
    for (const colorScheme of ["dark", "light"] as const) {
      const context = await browser.newContext({ viewport: { width: 360, height: 740 }, colorScheme });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (!/status of 403/.test(message.text())) complaints.push(message.text());
      });
      await page.goto(`${edge.url}/.burrow/lost`);
      await assertSound(page);
      await page.getByLabel("Kill code").fill(formatKillCode(randomBytes(20)));
      await page.getByRole("button", { name: "Go on" }).click();
      await page.getByRole("alert").getByText("not the kill code").waitFor();
      await assertSound(page);
      await page.getByLabel("Kill code").fill(` ${code.toLowerCase().replaceAll("-", "")} `);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Shut this server off?" }).waitFor();
      await assertSound(page);
      assert.equal((await fetch(edge.url)).status, 200, "a question is not the act");
      if (colorScheme === "light") {
        await page.getByRole("button", { name: "Shut it off" }).click();
        await page.getByRole("heading", { name: "The server is shut off" }).waitFor();
        await assertSound(page);
      }
      assert.deepEqual(complaints, []);
      await context.close();
    }
    for (const path of ["/", "/health", "/health/auth", "/_matrix/client/versions"])
      assert.equal((await fetch(`${edge.url}${path}`)).status, 503, path);
    assert.equal(await signOfLife(), false, "a thief's device is not believed any more");
    const cron = await fetch(`${edge.url}/cdn-cgi/local/scheduled?format=json`);
    assert.equal(((await cron.json()) as { outcome: string }).outcome, "ok");

    // Another isolate, another day: it was kept. A new code, which takes the Cloudflare account, opens it.
    await edge.stop();
    edge = await openEdge(code);
    assert.equal((await fetch(edge.url)).status, 503);
    await edge.stop();
    edge = await openEdge(formatKillCode(randomBytes(20)));
    assert.equal((await fetch(edge.url)).status, 200);
  },
);

test("the page takes no form of another site, and no endless tries", async () => {
  const post = (body: string, headers: Record<string, string>) =>
    fetch(`${edge.url}/.burrow/lost`, {
      method: "POST",
      body,
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    });
  const own = { origin: edge.url };
  for (const headers of [
    {},
    { origin: "https://evil.example.org" },
    { origin: "null" },
    { ...own, "content-type": "text/plain" },
  ]) {
    const refused = await post("code=x", headers);
    assert.equal(refused.status, 403);
    assert.match(await refused.text(), /another site/);
  }
  const statuses: number[] = [];
  for (let tried = 0; tried < 12; tried += 1) statuses.push((await post("code=x", own)).status);
  assert.deepEqual(new Set(statuses.slice(0, 9)), new Set([403]));
  assert.equal(statuses.at(-1), 429);
  assert.equal((await fetch(`${edge.url}/.burrow/lost`, { method: "DELETE" })).status, 405);
});
