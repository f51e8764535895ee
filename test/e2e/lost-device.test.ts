/** P1 from its beginning to its end: a server with a backup is declared lost, and comes back on another device. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { AwsClient } from "aws4fetch";

import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { readEdgeKeys } from "../../origin/config/secrets.ts";
import { formatKillCode, readKillCode } from "../../shared/kill-code.ts";
import { memberPassword, ownerPassword } from "../members/open-members.ts";
import { type Desk, openDesk } from "../support/fake-wrangler.ts";
import { freePort } from "../support/origin-process.ts";
import { projectRoot, runBurrow } from "../support/run-burrow.ts";
import { runCommand } from "../support/run-command.ts";
import { sendSignOfLife } from "../support/sign-of-life.ts";
import { createSignedClient } from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

const mailKey = { accessKeyId: "burrow-test", secretAccessKey: randomBytes(20).toString("hex") };
const letter = "Message-ID: <1@example.org>\r\nFrom: joe@example.org\r\nSubject: hello\r\n\r\nhello\r\n";

const hashOf = (code: string): string =>
  createHash("sha256")
    .update(readKillCode(code) ?? "")
    .digest("hex");

/** A public address with a Worker behind it that is deployed anew as its secrets change, and buckets that stay. */
async function openPlace(t: TestContext) {
  const folder = temporaryFolder(t);
  const [edgePort, originPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${edgePort}`;
  const s3 = new AwsClient({ ...mailKey, service: "s3", region: "auto" });
  let edge: RunningEdge | undefined;
  t.after(() => edge?.stop());
  return {
    folder,
    url,
    /** An origin that is ended with the test, or before. */
    async openOrigin(name: string): Promise<TestOrigin> {
      const origin = await startTestOrigin({ dataDir: join(folder, name), port: originPort, publicUrl: url });
      t.after(() => origin.close());
      return origin;
    },
    async deploy(hosts: string, secrets: { EDGE_KEY: string; KILL_CODE_HASH: string }): Promise<void> {
      await edge?.stop();
      edge = await startEdge({
        root: projectRoot,
        origin: `127.0.0.1:${originPort}`,
        edgeKey: secrets.EDGE_KEY,
        hosts,
        port: edgePort,
        persistDir: join(folder, "edge"),
        mailS3: { bucket: "door", ...mailKey },
        vars: { KILL_CODE_HASH: secrets.KILL_CODE_HASH },
      });
    },
    async declareLost(code: string): Promise<void> {
      const answer = await fetch(`${url}/.burrow/lost`, {
        method: "POST",
        headers: { origin: url, "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ code, confirm: "yes" }).toString(),
      });
      assert.match(await answer.text(), /The server is shut off/);
    },
    async deliver(to: string): Promise<void> {
      const query = new URLSearchParams({ from: "joe@example.org", to });
      const answer = await fetch(`${url}/cdn-cgi/local/email?${query}`, { method: "POST", body: letter });
      assert.equal(answer.status, 200);
    },
    async cron(): Promise<void> {
      const answer = await fetch(`${url}/cdn-cgi/local/scheduled?format=json`);
      assert.equal(((await answer.json()) as { outcome: string }).outcome, "ok");
    },
    /** What lies in a bucket: names, and where the messages went. */
    async lies(bucket: string): Promise<string[]> {
      const text = await (await s3.fetch(`${url}/cdn-cgi/local/r2/s3/${bucket}?list-type=2`)).text();
      return [...text.matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key = ""]) => key);
    },
    read: (bucket: string, key: string) => s3.fetch(`${url}/cdn-cgi/local/r2/s3/${bucket}/${key}`),
  };
}

/** What the Worker was told, by its secrets' names. */
function toldSecrets({ told }: Desk): Record<string, string> {
  const put = told().filter(({ words }) => words[1] === "put");
  return Object.fromEntries(put.map(({ words, input }) => [words[2] ?? "", input.trim()]));
}

const signIn = async (url: string, user: string, password: string): Promise<Response> =>
  await fetch(`${url}/_matrix/client/v3/login`, {
    method: "POST",
    body: JSON.stringify({ type: "m.login.password", identifier: { type: "m.id.user", user }, password }),
  });

const signInHost = "id.burrow.localhost";

/** The status of one's own page, which sends strangers to sign in. Node does not find `*.localhost` by itself. */
async function askSignInHost(url: string, headers: Record<string, string>): Promise<number | undefined> {
  const host = `${signInHost}:${new URL(url).port}`;
  const outgoing = request(url, { headers: { ...headers, host }, agent: false });
  outgoing.end();
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

/** What each way to be somebody is worth: a chat device, a browser, a key. */
async function worth(url: string, held: Readonly<Record<"chat" | "browser" | "key", string>>) {
  const ask = async (path: string, headers: Record<string, string>): Promise<number> =>
    (await fetch(`${url}${path}`, { headers, redirect: "manual" })).status;
  return {
    chat: await ask("/_matrix/client/v3/account/whoami", { authorization: `Bearer ${held.chat}` }),
    browser: await askSignInHost(url, { cookie: `__Host-burrow-session=${held.browser}` }),
    key: await ask("/_burrow/admin/v1/members", { authorization: `Bearer ${held.key}` }),
  };
}

test("a lost server comes back elsewhere: a key of its own, everybody signs in anew, no mail is missing", async (t) => {
  const place = await openPlace(t);
  const { url, folder } = place;
  const lost = await place.openOrigin("lost");
  const { members } = lost.origin;
  const { edgeKey: lostKey, hosts } = lost.facts;
  const code = formatKillCode(randomBytes(20));
  await place.deploy(hosts, { EDGE_KEY: lostKey, KILL_CODE_HASH: hashOf(code) });
  const { id } = await members.createOwner({ name: "ada", password: ownerPassword });
  await members.createAccount({ name: "ben", password: memberPassword });
  const { access_token: chat } = (await (await signIn(url, "ben", memberPassword)).json()) as {
    access_token: string;
  };
  const opened = await members.webSessions.open(id, {
    host: signInHost,
    address: "127.0.0.1",
    userAgent: "",
  });
  const key = await members.keys.create(
    { via: "device" },
    { memberId: id, kind: "api-key", name: "", scopes: ["admin:read"], expiresInMs: 60_000 },
  );
  const invite = await members.createInvite({ name: "Eve", uses: 1, expiresInMs: 60_000, createdBy: id });
  const held = { chat, browser: opened.token, key: key.secret };
  assert.deepEqual(await worth(url, held), { chat: 200, browser: 200, key: 200 });

  assert.equal(members.inviteValid(invite.token), true);

  const made = await runCommand([
    "--data",
    join(folder, "lost"),
    "--json",
    "backup",
    "create",
    "--to",
    folder,
  ]);
  const { path } = made.json<{ path: string }>();
  const identity = join(folder, "identity.txt");
  await runCommand(["--data", join(folder, "lost"), "backup", "export-identity", identity]);

  await place.declareLost(code);
  assert.equal((await fetch(url)).status, 503);
  await place.deliver("ada@burrow.localhost");
  await place.cron();
  assert.deepEqual([await place.lies("door"), (await place.lies("door-lost")).length], [[], 1]);

  const restored = [
    "--data",
    join(folder, "new"),
    "--json",
    "backup",
    "restore",
    path,
    "--identity",
    identity,
  ];
  assert.equal((await runCommand([...restored, "--yes"])).code, 0);
  const desk = openDesk(t);
  const recovered = await runBurrow(["--data", join(folder, "new"), "--json", "edge", "recover"], {
    environment: desk.environment,
  });
  assert.equal(recovered.code, 0, recovered.stderr);
  const told = toldSecrets(desk);
  assert.equal(hashOf(recovered.json<{ code: string }>().code), told["KILL_CODE_HASH"]);
  const [newKey = ""] = readEdgeKeys(join(folder, "new"));
  assert.deepEqual([told["EDGE_KEY"], newKey === lostKey], [newKey, false]);
  await place.deploy(hosts, { EDGE_KEY: newKey, KILL_CODE_HASH: told["KILL_CODE_HASH"] ?? "" });

  // Whoever has the lost device runs it, behind whatever way to the edge it had.
  assert.notEqual((await fetch(url)).status, 200, "its answers are nobody's");
  assert.equal(await sendSignOfLife(lost.origin.config, lostKey), false);
  await lost.close();

  const home = await place.openOrigin("new");
  const thief = createSignedClient({ origin: home.facts.url, edgeKey: lostKey, host: "127.0.0.1" });
  t.after(() => thief.close());
  assert.equal((await thief.request({ method: "GET", path: "/health" })).status, 401);
  assert.equal(await sendSignOfLife(home.origin.config, newKey), true);
  assert.equal((await fetch(url)).status, 200);
  assert.deepEqual(await worth(url, held), { chat: 401, browser: 303, key: 401 });
  assert.equal(home.origin.members.inviteValid(invite.token), false);
  for (const [name, password] of [
    ["ada", ownerPassword],
    ["ben", memberPassword],
  ] as const)
    assert.equal((await signIn(url, name, password)).status, 200, name);

  const [kept = ""] = await place.lies("door-lost");
  await place.cron();
  assert.deepEqual([await place.lies("door"), await place.lies("door-lost")], [[kept], []]);
  const message = await place.read("door", kept);
  assert.equal(await message.text(), letter);
  assert.equal(decodeURIComponent(message.headers.get("x-amz-meta-to") ?? ""), "ada@burrow.localhost");
  await place.deliver("ben@burrow.localhost");
  assert.equal((await place.lies("door")).length, 2);
});
