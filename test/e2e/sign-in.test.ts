/** Signing in with a browser: from an app to the sign-in host and back, through the real Worker, and at the origin. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";

import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { memberPassword, ownerPassword } from "../members/open-members.ts";
import { assertSound, chromiumPath, launchChromium } from "../support/chromium.ts";
import { freePort } from "../support/origin-process.ts";
import { type Answer, createSignedClient } from "../support/signed-client.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

const options = chromiumPath === undefined ? { skip: "skipped: no Chromium" } : { timeout: 110_000 };

/** Where somebody wants to look at the pages, in all four looks: BURROW_SCREENSHOTS=/tmp/shots. */
const shots = process.env["BURROW_SCREENSHOTS"];
const looks = [360, 1280].flatMap((width) =>
  (["light", "dark"] as const)
    .map((colorScheme) => ({ width, colorScheme }))
    .filter(({ colorScheme }) => shots !== undefined || (width === 360) === (colorScheme === "light")),
);

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
  const upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  port = await freePort();
  home = await startTestOrigin({
    dataDir: join(folder, "data"),
    publicUrl: `http://127.0.0.1:${port}`,
    settings: [
      ["notes", "members"],
      ["owners", "owner"],
    ]
      .map(([name, who]) => `[[app]]\nname = "${name}"\nwho = "${who}"\nupstream = "${upstreamUrl}"\n`)
      .join(""),
  });
  const { url, edgeKey, hosts } = home.facts;
  const { members } = home.origin;
  await members.createOwner({ name: "ada", password: ownerPassword });
  await members.createAccount({ name: "ben", password: memberPassword });
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const persistDir = join(folder, "edge");
  edge = await startEdge({ root, origin: new URL(url).host, edgeKey, hosts, port, persistDir });
  if (chromiumPath === undefined) return;
  browser = await launchChromium();
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
  for (const { httpOnly, secure, sameSite } of cookies) {
    assert.deepEqual([httpOnly, secure, sameSite], [true, true, "Lax"]);
  }
  assert.deepEqual(
    new Set(cookies.map(({ name, domain }) => `${name} ${domain}`)),
    new Set([
      "__Host-burrow-device id.burrow.localhost",
      "__Host-burrow-session id.burrow.localhost",
      "__Host-burrow-session notes.burrow.localhost",
    ]),
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

for (const { width, colorScheme } of looks) {
  test(`the pages of an account at ${width} px, ${colorScheme}`, options, async () => {
    const context = await browser.newContext({ viewport: { width, height: 740 }, colorScheme });
    context.setDefaultTimeout(40_000);
    const complaints: string[] = [];
    const page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      if (!/status of (?:4\d\d|503)/.test(message.text())) complaints.push(message.text());
    });
    const look = async (name: string): Promise<void> => {
      await assertSound(page);
      if (shots !== undefined) {
        await page.screenshot({ path: join(shots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      }
    };

    await page.goto(at("id"));
    await look("sign-in");
    await signIn(page, "ben", "not the password");
    await page.getByRole("alert").getByText("do not go together").waitFor();
    assert.equal(await page.getByLabel("Name").inputValue(), "ben");
    await look("sign-in-wrong");
    await signIn(page);
    await page.getByRole("heading", { name: "Hello, ben" }).waitFor();
    await page.getByRole("link", { name: "notes" }).waitFor();
    await look("own-page");
    for (const [link, heading] of [
      ["Browsers", "Browsers"],
      ["Chat devices", "Chat devices"],
      ["Password", "Change your password"],
    ] as const) {
      await page.getByRole("link", { name: link, exact: true }).click();
      await page.getByRole("heading", { name: heading }).waitFor();
      await look(link.toLowerCase().replace(" ", "-"));
      await page.goto(at("id"));
    }
    await page.goto(at("id", "/confirm?next=/keys"));
    await look("confirm");
    await page.goto(at("owners"));
    await page.getByRole("heading", { name: "Not for you" }).waitFor();
    await look("forbidden");
    await page.goto(at("id", "/no-such-page"));
    await page.getByRole("heading", { name: "Not found" }).waitFor();
    await look("not-found");
    await page.goto(at("notes", "/.burrow/arrive?code=x"));
    await look("stale-arrival");
    await context.close();
    assert.deepEqual(complaints, []);
  });
}

test("the keyboard alone signs in and out", options, async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(at("id"));
  await page.getByLabel("Name").and(page.locator(":focus")).waitFor();
  await page.keyboard.type("ben");
  await page.keyboard.press("Tab");
  await page.keyboard.type(memberPassword);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Hello, ben" }).waitFor();
  await page.getByRole("button", { name: "Sign out", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Signed out" }).waitFor();
  await context.close();
});

test("without script, forms, lists and redirects all work", options, async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(at("notes"));
  await signIn(page);
  await page.locator("#who").waitFor();
  await page.goto(at("id", "/sessions"));
  await page.getByText("Rename").first().click();
  await page.getByLabel("New name").first().fill("Test browser");
  await page.getByRole("button", { name: "Rename" }).first().click();
  await page.getByText("Test browser").first().waitFor();
  await context.close();
});

test("straight at the origin, with an edge's signature, it holds as well", async () => {
  const { url: origin, edgeKey } = home.facts;
  const connect = (host: string) => createSignedClient({ origin, edgeKey, host: `${host}.burrow.localhost` });
  const [id, notes] = [connect("id"), connect("notes")];
  const navigation = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const cookieOf = (answer: Answer, name: string): string =>
    [answer.headers["set-cookie"] ?? []]
      .flat()
      .find((field) => field.startsWith(`${name}=`))
      ?.split(";")[0] ?? "";
  const body = new URLSearchParams({
    name: "ben",
    password: memberPassword,
    next: "//evil.example",
  }).toString();
  const post = (headers: Record<string, string>) =>
    id.request({ method: "POST", path: "/sign-in", body, headers: { ...form, ...headers } });

  for (const headers of [
    {},
    { origin: "https://evil.example" },
    { origin: "https://notes.burrow.localhost", "sec-fetch-site": "same-site" },
    { origin: "https://id.burrow.localhost", "sec-fetch-site": "cross-site" },
  ]) {
    const refused = await post(headers);
    assert.deepEqual([refused.status, refused.headers["set-cookie"]], [403, undefined]);
  }
  const signedIn = await post({ origin: "https://id.burrow.localhost" });
  assert.deepEqual([signedIn.status, signedIn.headers["location"]], [303, "/"]);
  const atId = cookieOf(signedIn, "__Host-burrow-session");

  const wish = await notes.request({ method: "GET", path: "/deep?x=1", headers: navigation });
  const nonce = cookieOf(wish, "__Host-burrow-handoff");
  const asked = new URL(String(wish.headers["location"]));
  const handed = await id.request({
    method: "GET",
    path: `${asked.pathname}${asked.search}`,
    headers: { cookie: atId },
  });
  const arrival = new URL(String(handed.headers["location"]));
  assert.equal(arrival.origin, "https://notes.burrow.localhost");
  const path = `${arrival.pathname}${arrival.search}`;
  const stolen = await notes.request({ method: "GET", path });
  assert.equal(stolen.status, 403);

  const again = new URL(
    String(
      (
        await id.request({
          method: "GET",
          path: `${asked.pathname}${asked.search}`,
          headers: { cookie: atId },
        })
      ).headers["location"],
    ),
  );
  const arrived = await notes.request({
    method: "GET",
    path: `${again.pathname}${again.search}`,
    headers: { cookie: nonce },
  });
  assert.deepEqual([arrived.status, arrived.headers["location"]], [303, "/deep?x=1"]);
  const atNotes = cookieOf(arrived, "__Host-burrow-session");
  seen.length = 0;
  const shown = await notes.request({
    method: "GET",
    path: "/",
    headers: { cookie: `theme=dark; ${atNotes}` },
  });
  assert.equal(shown.status, 200);
  assert.deepEqual(seen, [{ user: "ben", cookie: "theme=dark" }]);
  // A header that names somebody is nobody's word.
  await notes.request({
    method: "GET",
    path: "/",
    headers: { cookie: atNotes, "remote-user": "ada", "X-Auth_User": "ada" },
  });
  assert.equal(seen.at(-1)?.user, "ben");
  assert.equal(
    (await notes.request({ method: "POST", path: "/", headers: { cookie: atNotes } })).status,
    403,
  );
  id.close();
  notes.close();
});

// The last one: the origin is gone after it.
test("while the device is away the edge says so, in the same look", options, async () => {
  await home.close();
  for (const { width, colorScheme } of looks) {
    const context = await browser.newContext({ viewport: { width, height: 740 }, colorScheme });
    const page = await context.newPage();
    const answer = await page.goto(at("id", "/sessions"));
    assert.equal(answer?.status(), 503);
    await page.getByRole("link", { name: "Try again" }).waitFor();
    await assertSound(page);
    if (shots !== undefined) await page.screenshot({ path: join(shots, `away-${width}-${colorScheme}.png`) });
    assert.equal(
      await page.evaluate("getComputedStyle(document.querySelector('main')).borderRadius"),
      "20px",
    );
    await context.close();
  }
});
