import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";

import { initialise } from "../../origin/cli/init.ts";
import { type Outcome, projectRoot, runBurrow } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const allow = { BURROW_ALLOW_DEV_MODE: "1" };
const data = join(temporaryFolder({ after }), "hs1");
const words = ["--data", data, "--json", "test-server", "--server-name", "hs1"];

interface Running {
  readonly url: string;
  stop(): Promise<number | null>;
}

async function start(): Promise<Running> {
  const child = spawn(
    `${projectRoot}/bin/burrow`,
    [...words, "--port", "0", "--shared-secret", "complement"],
    {
      env: { ...process.env, ...allow },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const gone = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, "line"),
    gone.then(() => assert.fail("it ended before it listened")),
  ]);
  const ready = JSON.parse(String(line)) as { event: string; url: string; server_name: string };
  assert.equal(ready.event, "ready");
  assert.equal(ready.server_name, "hs1");
  return {
    url: ready.url,
    async stop() {
      child.kill("SIGTERM");
      return ((await gone) as [number | null])[0];
    },
  };
}

let running: Running;
before(async () => {
  running = await start();
});
after(() => running.stop());

async function ask(method: string, path: string, body?: object, token?: string) {
  const answer = await fetch(running.url + path, {
    method,
    ...(body && { body: JSON.stringify(body) }),
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
}

const dummy = (username: string, password: string) =>
  ask("POST", "/_matrix/client/v3/register", { auth: { type: "m.login.dummy" }, username, password });

async function bySecret(secret: string, name: string, admin: boolean, nonce?: string) {
  const path = "/_synapse/admin/v1/register";
  const used = nonce ?? (await ask("GET", path)).body["nonce"] ?? "";
  const mac = createHmac("sha1", secret).update([used, name, "pw", admin ? "admin" : "notadmin"].join("\0"));
  const body = { nonce: used, username: name, password: "pw", admin, mac: mac.digest("hex") };
  return { nonce: used, ...(await ask("POST", path, body)) };
}

test("whoever asks gets an account in one request, with any password and without an edge", async () => {
  const made = await dummy("alice", "x");
  assert.equal(made.status, 200);
  assert.equal(made.body["user_id"], "@alice:hs1");
  const who = await ask("GET", "/_matrix/client/v3/account/whoami", undefined, made.body["access_token"]);
  assert.equal(who.body["user_id"], "@alice:hs1");
  const login = { type: "m.login.password", identifier: { type: "m.id.user", user: "alice" }, password: "x" };
  assert.equal((await ask("POST", "/_matrix/client/v3/login", login)).status, 200);
});

test("without auth the flow is told, and names are no secret", async () => {
  const asked = await ask("POST", "/_matrix/client/v3/register", { username: "carol", password: "x" });
  assert.equal(asked.status, 401);
  assert.deepEqual(asked.body["flows"], [{ stages: ["m.login.dummy"] }]);
  await dummy("dave", "x");
  assert.equal((await dummy("dave", "y")).body["errcode"], "M_USER_IN_USE");
  const available = await ask("GET", "/_matrix/client/v3/register/available?username=dave");
  assert.equal(available.body["errcode"], "M_USER_IN_USE");
  const profile = await ask("GET", "/_matrix/client/v3/profile/@dave:hs1/displayname");
  assert.deepEqual(profile.body, { displayname: "dave" });
});

test("the shared secret makes administrators, each nonce once", async () => {
  const made = await bySecret("complement", "adminuser", true);
  assert.equal(made.status, 200);
  assert.equal(made.body["user_id"], "@adminuser:hs1");
  assert.ok(made.body["access_token"]);
  const plain = await bySecret("complement", "PlainUser", false);
  assert.equal(plain.body["user_id"], "@plainuser:hs1");

  const members = await runBurrow(["--data", data, "--json", "member", "list"]);
  const roles = members.json<{ members: { name: string; role: string }[] }>().members;
  assert.equal(roles.find(({ name }) => name === "adminuser")?.role, "owner");
  assert.equal(roles.find(({ name }) => name === "plainuser")?.role, "member");

  assert.equal((await bySecret("complement", "again", true, made.nonce)).status, 400);
  assert.equal((await bySecret("wrong", "mallory", true)).status, 403);
  assert.equal((await bySecret("complement", "us,er", false)).body["errcode"], "M_INVALID_USERNAME");
});

test("media are served as before authentication, and pages of this machine are previewed", async (t) => {
  const page = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end('<meta property="og:title" content="The Rock">');
  }).listen(0, "127.0.0.1");
  t.after(() => page.close());
  await once(page, "listening");
  const { port } = page.address() as AddressInfo;
  const token = String((await dummy("mia", "x")).body["access_token"]);
  const url = encodeURIComponent(`http://127.0.0.1:${port}/`);
  const preview = await ask("GET", `/_matrix/media/v3/preview_url?url=${url}`, undefined, token);
  assert.deepEqual(preview.body, { "og:title": "The Rock" });
  const sent = await ask("POST", "/_matrix/media/v3/upload", { some: "content" }, token);
  const path = String(sent.body["content_uri"]).slice("mxc://".length);
  assert.deepEqual((await ask("GET", `/_matrix/media/v3/download/${path}`)).body, { some: "content" });
});

test("it answers for this machine's names and its own, and for no other", async () => {
  const { port } = new URL(running.url);
  for (const [host, status] of [
    ["127.0.0.1", 200],
    [`LOCALHOST:${port}`, 200],
    [`hs1:${port}`, 200],
    ["rebound.example.org", 421],
    ["a b", 400],
  ] as const) {
    const outgoing = request(`${running.url}/_matrix/client/versions`, { headers: { host } }).end();
    const [incoming] = await once(outgoing, "response");
    await text(incoming);
    assert.equal(incoming.statusCode, status, host);
  }
});

test("what was there is there after a stop and a start", async () => {
  const { body } = await dummy("erin", "short");
  const room = await ask("POST", "/_matrix/client/v3/createRoom", { name: "Kitchen" }, body["access_token"]);
  assert.equal(await running.stop(), 0);
  running = await start();
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room.body["room_id"] ?? "")}/state/m.room.name`;
  const kept = await ask("GET", path, undefined, body["access_token"]);
  assert.deepEqual(kept.body, { name: "Kitchen" });
});

test("no other command runs its folder, and no variable turns it into another", async () => {
  const root = ["--allow-root"];
  const refused = async (args: string[], environment: NodeJS.ProcessEnv, why: RegExp) => {
    const outcome = await runBurrow(["--data", data, ...args], { environment: { ...allow, ...environment } });
    assert.equal(outcome.code, 1, args.join(" "));
    assert.match(outcome.stderr, why);
  };
  await refused(["up", ...root], {}, /is a test server's/);
  await refused(["up", ...root], { BURROW_MODE: "production" }, /server_name must be a host name/);
  await refused(["dev", "--edge-port", "0"], {}, /is for test, not for development/);
});

test("it is started on purpose only, and on a folder of its own only", async () => {
  const folder = temporaryFolder({ after });
  const production = join(folder, "production");
  initialise({ dataDir: production, serverName: "example.org", mode: "production" });
  const toml = readFileSync(join(production, "burrow.toml"), "utf8");
  const other = join(folder, "other");
  mkdirSync(other);
  writeFileSync(join(other, "members.db"), "");
  const published = join(folder, "published");
  initialise({ dataDir: published, serverName: "hs1", mode: "test" });
  const hostname = 'public_url = "https://example.org"';
  writeFileSync(join(published, "burrow.toml"), `mode = "test"\nserver_name = "hs1"\n${hostname}\n`);

  const run = (where: string[], environment: NodeJS.ProcessEnv = allow, name = "hs1"): Promise<Outcome> =>
    runBurrow([...where, "test-server", "--server-name", name, "--port", "0"], { environment });
  for (const [outcome, code, why] of [
    [await run(["--data", join(folder, "new")], {}), 1, /Set BURROW_ALLOW_DEV_MODE=1/],
    [await run([]), 2, /folder of its own: --data DIR/],
    [await run(["--data", join(folder, "new")], allow, "example.org"), 2, /one word in lower case/],
    [await run(["--data", production]), 1, /is no test server's/],
    [await run(["--data", production], { ...allow, BURROW_MODE: "test" }), 1, /is no test server's/],
    [await run(["--data", other]), 1, /holds something else/],
    [await run(["--data", published]), 1, /example\.org is a public name/],
    [await run(["--data", data], allow, "hs2"), 1, /is for hs1 already/],
  ] as const) {
    assert.match(outcome.stderr, why);
    assert.equal(outcome.code, code, outcome.stderr);
  }
  assert.equal(readFileSync(join(production, "burrow.toml"), "utf8"), toml);
});
