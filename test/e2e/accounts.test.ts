/** Accounts through the real Worker: keys of programs, and signing in with a browser that has an authenticator. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { memberPassword, ownerPassword } from "../members/open-members.ts";
import { freePort } from "../support/origin-process.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

const device = { via: "device" } as const;

let folder: string;
let upstream: Server;
let home: TestOrigin;
let edge: RunningEdge;
let port: number;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "burrow-accounts-"));
  upstream = createServer((incoming, outgoing) => {
    outgoing.end(
      JSON.stringify({ user: incoming.headers["remote-user"], auth: incoming.headers.authorization }),
    );
  }).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const { port: upstreamPort } = upstream.address() as AddressInfo;
  port = await freePort();
  home = await startTestOrigin({
    dataDir: join(folder, "data"),
    publicUrl: `http://127.0.0.1:${port}`,
    settings: `[[app]]\nname = "notes"\nupstream = "http://127.0.0.1:${upstreamPort}"\nwho = "members"\napp_passwords = true\n`,
  });
  const { url, edgeKey, hosts } = home.facts;
  const { members } = home.origin;
  const ada = await members.createOwner({ name: "ada", password: ownerPassword });
  const invite = await members.createInvite({ name: "", uses: 1, expiresInMs: 60_000, createdBy: ada.id });
  await members.register({ name: "ben", password: memberPassword, inviteToken: invite.token });
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const persistDir = join(folder, "edge");
  edge = await startEdge({ root, origin: new URL(url).host, edgeKey, hosts, port, persistDir });
});

after(async () => {
  await edge?.stop();
  await home?.close();
  upstream?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Through the edge, at a host of ours: `*.localhost` is no name that Node resolves. */
async function ask(host: string, path: string, headers: Record<string, string> = {}) {
  const sent = request({
    host: "127.0.0.1",
    port,
    path,
    headers: { host: `${host}:${port}`, ...headers },
  }).end();
  const [answer] = await once(sent, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode as number, text: Buffer.concat(chunks).toString() };
}

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

test("an app password opens an app behind the gate, the account's password and a revoked one do not", async () => {
  const { members } = home.origin;
  const memberId = members.find("ben")?.id ?? 0;
  const make = (scope: string) =>
    members.keys.create(device, { memberId, kind: "app-password", name: "Sync", scopes: [scope] });
  const [{ secret, id }, mail] = [await make("apps"), await make("mail")];
  const open = (user: string, password: string) =>
    ask("notes.burrow.localhost", "/", { authorization: basic(user, password) });
  for (const user of ["ben", "ben@burrow.localhost", "@ben:burrow.localhost"]) {
    const { status, text } = await open(user, secret);
    assert.equal(status, 200, text);
    assert.deepEqual(JSON.parse(text), { user: "ben" });
  }
  assert.equal((await open("ada", secret)).status, 401);
  assert.equal((await open("ben", memberPassword)).status, 401);
  assert.equal((await open("ben", mail.secret)).status, 403);
  await members.keys.revoke(device, id);
  assert.equal((await open("ben", secret)).status, 401);
});

test("an API key opens the figures and the owner's API through the edge, and nothing of Matrix", async () => {
  const { members } = home.origin;
  const memberId = members.find("ada")?.id ?? 0;
  const scopes = ["metrics", "admin:read"];
  const request = { memberId, kind: "api-key", name: "Prometheus", scopes, expiresInMs: 60_000 } as const;
  const { secret } = await members.keys.create(device, request);
  const get = (path: string) => ask("burrow.localhost", path, { authorization: `Bearer ${secret}` });
  assert.match((await get("/_burrow/metrics")).text, /^# /);
  assert.equal((await get("/_burrow/admin/v1/members")).status, 200);
  assert.equal((await get("/_matrix/client/v3/account/whoami")).status, 401);
  assert.equal(
    (await ask("burrow.localhost", "/_burrow/metrics", { authorization: "Bearer x" })).status,
    404,
  );
});
