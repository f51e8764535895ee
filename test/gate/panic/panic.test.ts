/** E8 at the device: the command line beside the real origin, through SIGKILL and a new start. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { type OriginProcess, startOriginProcess } from "../../support/origin-process.ts";
import { runCommand } from "../../support/run-command.ts";
import { type Answer, createSignedClient, type SignedClient } from "../../support/signed-client.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const password = "seven herons over the weir";

interface Server {
  readonly dataDir: string;
  readonly burrow: (...words: string[]) => Promise<Record<string, unknown>>;
  readonly client: SignedClient;
  readonly origin: OriginProcess;
  /** SIGKILL, and a new start. */
  readonly killed: () => Promise<void>;
}

async function serve(t: TestContext): Promise<Server> {
  const dataDir = join(temporaryFolder(t), "data");
  let origin = await startOriginProcess({ dataDir });
  const connect = (): SignedClient =>
    createSignedClient({ origin: origin.url, edgeKey: origin.edgeKey, host: "burrow.localhost" });
  let client = connect();
  t.after(async () => {
    client.close();
    await origin.kill("SIGKILL");
  });
  return {
    dataDir,
    burrow: async (...words) => (await runCommand(["--data", dataDir, "--json", ...words])).json(),
    get client() {
      return client;
    },
    get origin() {
      return origin;
    },
    async killed() {
      client.close();
      await origin.kill("SIGKILL");
      origin = await startOriginProcess({ dataDir });
      client = connect();
    },
  };
}

/** Claims the server, and signs ada in. Returns her access and refresh tokens. */
async function ada({ client, origin }: Server): Promise<{ token: string; refresh: string }> {
  const form = new URLSearchParams({ token: origin.setupToken ?? "", name: "ada", password }).toString();
  const claimed = await client.request({
    method: "POST",
    path: "/setup",
    body: form,
    headers: { "content-type": "application/x-www-form-urlencoded", origin: "https://burrow.localhost" },
  });
  assert.ok(claimed.status < 400, claimed.text);
  const signedIn = (await login(client)).json<Record<string, string>>();
  return { token: signedIn["access_token"] ?? "", refresh: signedIn["refresh_token"] ?? "" };
}

function login(client: SignedClient): Promise<Answer> {
  return client.request({
    method: "POST",
    path: "/_matrix/client/v3/login",
    body: {
      type: "m.login.password",
      identifier: { type: "m.id.user", user: "ada" },
      password,
      refresh_token: true,
    },
  });
}

/** A sync that waits for news, and is waiting when this returns. */
async function waitingSync({ client }: Server, token: string): Promise<{ answer: Promise<Answer> }> {
  const first = await client.request({ method: "GET", path: "/_matrix/client/v3/sync", token });
  const since = first.json<{ next_batch: string }>().next_batch;
  const path = `/_matrix/client/v3/sync?timeout=30000&since=${since}`;
  const answer = client.request({ method: "GET", path, token });
  // One connection after the other is read: what is answered here was sent after it.
  await client.request({ method: "GET", path: "/_matrix/client/versions" });
  return { answer };
}

test("soft: what waits is answered, everybody is shut out, and a kill right after it changes nothing", async (t) => {
  const server = await serve(t);
  const { token } = await ada(server);
  const waiting = await waitingSync(server, token);
  const began = performance.now();
  assert.deepEqual(
    { ...(await server.burrow("panic", "soft")), since: "" },
    { level: "soft", since: "", daemon: "in-force" },
  );
  const ended = await waiting.answer;
  assert.ok(performance.now() - began < 20_000, "long before its thirty seconds");
  assert.equal(ended.status, 503);
  assert.equal(ended.json()["errcode"], "M_UNKNOWN");
  assert.equal(ended.headers["access-control-allow-origin"], "*");
  assert.match(String(ended.headers["burrow-reply"]), /panic=soft/);

  await server.killed();
  for (const { path, accept, type } of [
    { path: "/", accept: "text/html", type: "text/html; charset=utf-8" },
    { path: "/api", accept: "*/*", type: "application/json" },
    { path: "/_matrix/client/v3/account/whoami", accept: "*/*", type: "application/json" },
  ]) {
    const shut = await server.client.request({ method: "GET", path, token, headers: { accept } });
    assert.equal(shut.status, 503, path);
    assert.equal(shut.headers["content-type"], type);
    assert.ok(Number(shut.headers["retry-after"]) >= 60);
    assert.doesNotMatch(shut.text, /panic|soft|owner/i);
  }
  const preflight = await server.client.request({ method: "OPTIONS", path: "/_matrix/client/v3/login" });
  assert.equal(preflight.status, 204);
  const health = await server.client.request({ method: "GET", path: "/health" });
  assert.equal(health.status, 200);
  assert.match(String(health.headers["burrow-reply"]), /panic=soft/);

  // While it is down as well, and from its next start on.
  await server.origin.kill("SIGKILL");
  assert.equal((await server.burrow("panic", "clear"))["daemon"], "not-running");
  await server.killed();
  const open = await server.client.request({
    method: "GET",
    path: "/_matrix/client/v3/account/whoami",
    token,
  });
  assert.equal(open.status, 200);
});

test("logins: nobody signs in by any way, and whoever is signed in goes on", async (t) => {
  const server = await serve(t);
  const { token, refresh } = await ada(server);
  const { token: invite = "" } = (await server.burrow("invite", "create")) as { token?: string };
  const waiting = await waitingSync(server, token);
  assert.equal((await server.burrow("panic", "logins"))["daemon"], "in-force");

  const refused = await login(server.client);
  assert.equal(refused.status, 503);
  assert.match(refused.text, /nobody sign in/);
  for (const [path, body] of [
    ["/setup", "token=x"],
    ["/invite", `token=${invite}&name=ben&password=${password}`],
    ["/sign-in", "name=ada"],
    ["//_matrix/client/v3/login/", "{}"],
    ["/_matrix/client/v3/register", "{}"],
    ["/oidc/interaction/x", ""],
    ["/oidc/authorize", ""],
  ] as const)
    assert.equal((await server.client.request({ method: "POST", path, body })).status, 503, path);

  const refreshed = await server.client.request({
    method: "POST",
    path: "/_matrix/client/v3/refresh",
    body: { refresh_token: refresh },
  });
  assert.equal(refreshed.status, 200);
  const whoami = await server.client.request({
    method: "GET",
    path: "/_matrix/client/v3/account/whoami",
    token,
  });
  assert.equal(whoami.status, 200);
  // What waits goes on waiting, and brings what it waits for.
  await server.client.request({
    method: "PUT",
    path: "/_matrix/client/v3/user/@ada:burrow.localhost/account_data/org.example.note",
    token,
    body: { text: "still here" },
  });
  assert.equal((await waiting.answer).status, 200);

  assert.equal((await server.burrow("panic", "clear"))["level"], "none");
  assert.equal((await login(server.client)).status, 200);
});

test("revoke-all: every session and invite ends, what waits as well, and nothing stays closed", async (t) => {
  const server = await serve(t);
  const { token, refresh } = await ada(server);
  const { url = "" } = (await server.burrow("invite", "create")) as { url?: string };
  assert.match(url, /invite/);
  const waiting = await waitingSync(server, token);
  assert.deepEqual(await server.burrow("panic", "revoke-all"), {
    ended: { devices: 1, browsers: 0, keys: 0, invites: 1 },
  });
  assert.equal((await waiting.answer).status, 401);
  const whoami = await server.client.request({
    method: "GET",
    path: "/_matrix/client/v3/account/whoami",
    token,
  });
  assert.equal(whoami.status, 401);
  const refreshed = await server.client.request({
    method: "POST",
    path: "/_matrix/client/v3/refresh",
    body: { refresh_token: refresh },
  });
  assert.notEqual(refreshed.status, 200);
  assert.equal((await server.burrow("panic", "status"))["level"], "none");
  assert.equal((await login(server.client)).status, 200);
});

test("the command needs no settings and says what it cannot know", async (t) => {
  const folder = temporaryFolder(t);
  const missing = await runCommand(["--data", join(folder, "nowhere"), "--json", "panic", "soft"]);
  assert.equal(missing.code, 1);
  assert.match(missing.stdout, /no data folder/);
  const set = await runCommand(["--data", folder, "--json", "panic", "hard"]);
  assert.equal(set.json()["daemon"], "not-running");
  const weaker = await runCommand(["--data", folder, "panic", "logins"]);
  assert.match(weaker.stdout, /hard is in force already/);
  assert.equal((await runCommand(["--data", folder, "panic", "status"])).code, 1);
});
