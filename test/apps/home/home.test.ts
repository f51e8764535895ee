import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createHomeApp } from "../../../origin/apps/home/home.ts";
import type { AppContext } from "../../../origin/app.ts";
import { hostsOf } from "../../../origin/config/hosts.ts";
import type { RequestContext } from "../../../origin/http/request-context.ts";
import { openGuesses } from "../../gate/guess-limits/open-guesses.ts";
import { memberPassword, openHousehold, ownerPassword } from "../../members/open-members.ts";

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly guess: RequestContext["guess"];
}

const origin = "https://example.org";

/** The app over real members, and a browser's way of asking it. */
async function openHome(t: TestContext, publicUrl = origin) {
  const { protocol, port } = new URL(publicUrl);
  const household = await openHousehold(t);
  const hosts = hostsOf("example.org", "production", { hasMail: false, apps: [] });
  const config = { serverName: "example.org", publicUrl, hosts } as unknown as AppContext["config"];
  const { members, clock } = household;
  const guesses = openGuesses(household.folder, () => clock.now);
  t.after(() => guesses.close());
  const { routes } = createHomeApp({ config, members, guesses } as unknown as AppContext);

  async function ask(path: string, init: RequestInit = {}, host = "example.org"): Promise<Answer> {
    const client = {
      host,
      ...(port !== "" && { port: Number(port) }),
      scheme: protocol === "https:" ? "https" : "http",
      address: "192.0.2.1",
      ray: "",
      country: "",
    } as const;
    const context: RequestContext = { client, guess: "none" };
    const response = await routes.request(path, init, { context });
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      guess: context.guess,
    };
  }
  const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    ask(path, { method: "POST", body: new URLSearchParams(fields), headers: { origin, ...headers } });
  return { ...household, ask, post };
}

const ada = { name: "Ada", password: ownerPassword };

test("claiming by the form makes the owner, once", async (t) => {
  const { members, ask, post } = await openHome(t);
  assert.match((await ask("/")).text, /has no owner yet/);
  const token = await members.createSetupToken();
  const answers = await Promise.all(Array.from({ length: 10 }, () => post("/setup", { ...ada, token })));
  const counts = [201, 409].map((status) => answers.filter((answer) => answer.status === status).length);
  assert.deepEqual(counts, [1, 9]);
  for (const { status, text } of answers) assert.equal(text.includes("<form"), false, String(status));
  const done = answers.find(({ status }) => status === 201);
  assert.equal(done?.guess, "ok");
  assert.match(done?.text ?? "", /@ada:example\.org/);
  assert.deepEqual(
    members.list().map(({ name, role }) => [name, role]),
    [["ada", "owner"]],
  );
  assert.doesNotMatch((await ask("/")).text, /no owner|bst_|\bada\b/);
  const again = await ask("/setup");
  assert.match(again.text, /has an owner/);
  assert.doesNotMatch(again.text, /<form/);
});

test("an invite makes an account and says how to sign in", async (t) => {
  const { members, ask, post } = await openHome(t);
  assert.match((await ask("/invite")).text, /no owner yet/);
  await members.createOwner({ name: "ada", password: ownerPassword });
  const { token } = await members.createInvite({ name: "Ben", uses: 1, expiresInMs: 1000, createdBy: null });
  const done = await post("/invite", { name: "ben", password: memberPassword, token: ` ${token} ` });
  assert.deepEqual([done.status, done.guess], [201, "ok"]);
  for (const word of ["@ben:example.org", origin, "Element X", "Element Web", "FluffyChat", "Cinny"]) {
    assert.ok(done.text.includes(word), word);
  }
  assert.ok(await members.verifyPassword("ben", memberPassword));
  const again = await post("/invite", { name: "cleo", password: memberPassword, token });
  assert.deepEqual([again.status, again.guess], [403, "failed"]);
});

test("a wrong token is told alike whatever the name, and counts as a failed guess", async (t) => {
  const { members, post, kdf } = await openHome(t);
  const answers: Answer[] = [];
  await members.createSetupToken();
  answers.push(
    await post("/setup", { ...ada, token: "bst_guess" }),
    await post("/setup", { ...ada, token: "" }),
  );
  await members.createOwner({ name: "ada", password: ownerPassword });
  const before = kdf.calls;
  const about = new Set<string>();
  for (const name of ["ada", "free", "_", "postmaster"]) {
    const answer = await post("/invite", { name, password: memberPassword, token: "bit_guess" });
    about.add(answer.text.replaceAll(`"${name}"`, ""));
    answers.push(answer);
  }
  assert.equal(about.size, 1);
  assert.equal(kdf.calls, before);
  for (const { status, guess } of answers) assert.deepEqual([status, guess], [403, "failed"]);
});

test("what was typed is kept after an error, but for the password; and it is only text", async (t) => {
  const { members, post } = await openHome(t);
  await members.createOwner({ name: "ada", password: ownerPassword });
  const { token } = await members.createInvite({ name: "", uses: 1, expiresInMs: 1000, createdBy: null });
  const name = `"><script>alert(1)</script>`;
  const odd = await post("/invite", { name, password: memberPassword, token });
  assert.deepEqual([odd.status, odd.guess], [422, "ok"]);
  assert.ok(odd.text.includes("&quot;&gt;&lt;script&gt;"));
  assert.ok(!odd.text.includes("<script>alert"));
  assert.ok(odd.text.includes(token));
  assert.ok(!odd.text.includes(memberPassword));
  const taken = await post("/invite", { name: "ADA", password: memberPassword, token });
  assert.deepEqual([taken.status, /name is taken/.test(taken.text)], [409, true]);
  const weak = await post("/invite", { name: "ben", password: "passwordpassword1", token });
  assert.deepEqual([weak.status, /tried first/.test(weak.text)], [422, true]);
  assert.ok(!weak.text.includes("passwordpassword1"));
  assert.equal(members.inviteValid(token), true);
});

test("a form that another site sent changes nothing", async (t) => {
  const { members, post, ask } = await openHome(t);
  const fields = { ...ada, token: await members.createSetupToken() };
  for (const headers of [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "http://example.org" },
    { origin: "https://files.example.org" },
    { origin: "https://example.org.evil.example" },
    { origin: "https://example.org:8443" },
    { origin: "" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "none" },
  ]) {
    const answer = await post("/setup", fields, headers);
    assert.deepEqual([answer.status, answer.guess], [403, "none"], JSON.stringify(headers));
  }
  const body = new URLSearchParams(fields);
  assert.equal((await ask("/setup", { method: "POST", body })).status, 403);
  assert.equal(members.claimed(), false);
  assert.equal((await post("/setup", fields, { "sec-fetch-site": "same-origin" })).status, 201);
});

test("in development the port belongs to the origin, on each of its hosts", async (t) => {
  const { members, ask } = await openHome(t, "http://127.0.0.1:8787");
  const body = new URLSearchParams({ ...ada, token: await members.createSetupToken() });
  const send = (from: string, host: string) =>
    ask("/setup", { method: "POST", body, headers: { origin: from } }, host);
  assert.equal((await send("http://127.0.0.1:9999", "127.0.0.1")).status, 403);
  assert.equal((await send("http://localhost:8787", "127.0.0.1")).status, 403);
  assert.equal((await send("http://localhost", "localhost")).status, 403);
  assert.equal((await send("http://localhost:8787", "localhost")).status, 201);
});

test("bad forms get a clear refusal", async (t) => {
  const { members, ask, post } = await openHome(t);
  const headers = { origin, "content-type": "application/x-www-form-urlencoded" };
  const send = (body: BodyInit, type = headers["content-type"]) =>
    ask("/setup", {
      method: "POST",
      body,
      headers: { origin, "content-type": type },
      duplex: "half",
    } as RequestInit);
  assert.equal((await send("{}", "application/json")).status, 415);
  assert.equal((await send("name=ada", "text/plain")).status, 415);
  assert.equal((await send(`name=${"x".repeat(20_000)}`)).status, 413);
  const undeclared = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(4096).fill(120));
    },
  });
  assert.equal((await send(undeclared)).status, 413);
  assert.equal((await send("")).status, 403);
  assert.equal((await send("token=%zz&name=%00&password=%ff")).status, 403);
  const token = await members.createSetupToken();
  assert.equal((await post("/setup", { token, name: "ada\0", password: ownerPassword })).status, 422);
  const wrongMethod = await ask("/setup", { method: "PUT", body: "x" });
  assert.deepEqual([wrongMethod.status, wrongMethod.headers.get("allow")], [405, "GET, HEAD, POST"]);
  assert.equal((await ask("/nothing")).status, 404);
});

test("too many at once is told with when to come back", async (t) => {
  const { members, post } = await openHome(t);
  await members.createOwner({ name: "ada", password: ownerPassword });
  const { token } = await members.createInvite({ name: "", uses: 99, expiresInMs: 1000, createdBy: null });
  const answers = await Promise.all(
    Array.from({ length: 99 }, (_, at) =>
      post("/invite", { name: `m${at}`, password: memberPassword, token }),
    ),
  );
  const busy = answers.filter(({ status }) => status === 503);
  assert.ok(busy.length > 0);
  for (const { headers } of busy) assert.equal(headers.get("retry-after"), "5");
  assert.equal(answers.filter(({ status }) => status === 201).length, 99 - busy.length);
});

test("pages are strict, light, private and not stored; files are kept by their content", async (t) => {
  const { ask } = await openHome(t);
  for (const path of ["/", "/setup", "/invite"]) {
    const page = await ask(path);
    assert.equal(page.status, 200);
    const policy = page.headers.get("content-security-policy") ?? "";
    assert.ok(policy.startsWith("default-src 'none'; script-src 'self'; style-src 'self';"), policy);
    assert.ok(!policy.includes("unsafe"));
    assert.equal(page.headers.get("cache-control"), "no-store");
    assert.equal(page.headers.get("set-cookie"), null);
    assert.doesNotMatch(page.text, / style=| on\w+=|<style|<script>/);
  }
  const page = (await ask("/")).text;
  const files = [...page.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? "");
  assert.equal(files.length, 4);
  let bytes = page.length;
  for (const path of [...files, "/favicon.svg"]) {
    const file = await ask(path);
    assert.equal(file.status, 200);
    bytes += file.text.length;
    const etag = file.headers.get("etag") ?? "";
    assert.match(etag, /^"[\da-f]{12}"$/);
    const cached = await ask(path, { headers: { "if-none-match": `W/${etag}` } });
    assert.deepEqual([cached.status, cached.text], [304, ""]);
  }
  assert.ok(bytes < 30_000, `${bytes} bytes`);
  assert.match((await ask(files[0] ?? "")).headers.get("cache-control") ?? "", /immutable/);
  for (const path of [
    "/assets/pages/pages.css",
    "/assets/pages/pages.000000000000.css",
    "/assets/home/..%2Fhome.ts",
  ]) {
    assert.equal((await ask(path)).status, 404, path);
  }
  assert.match((await ask("/robots.txt")).text, /Disallow: \/$/m);
});
