// Rows D1 and E6 with everything on: the real Worker in workerd in front of the real origin.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { startEdge } from "../../origin/cli/dev/edge-process.ts";
import type { RunningEdge } from "../../origin/cli/dev/edge-process.ts";
import { gateVariables } from "../../origin/config/gate-variables.ts";
import { anyBodies, anyParameters, anyQueries, mutationsOf } from "../conformance/hostile-input.ts";
import { projectRoot } from "../support/run-burrow.ts";
import { runCommand } from "../support/run-command.ts";
import { createSignedClient } from "../support/signed-client.ts";
import type { SignedClient } from "../support/signed-client.ts";
import { startTestOrigin } from "../support/test-origin.ts";
import type { TestOrigin } from "../support/test-origin.ts";

const SCANNER = "198.51.100.7";
const NEIGHBOUR = "198.51.100.8";
const SAFE = "203.0.113.5";
const PASSWORD = "violet anchor paints quietly";

let folder: string;
let origin: TestOrigin;
let edge: RunningEdge;
let straight: SignedClient;
let token: string;
const errors: string[] = [];
const noteErrors = (line: string): void => {
  if (line.includes('"level":"error"')) errors.push(line);
};

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "burrow honeypot "));
  const settings = `
[honeypot]
enabled = true
block = true
jail = true
decoys = true
alerts = true
matrix_alerts = true
safelist = ["203.0.113.0/24"]
`;
  origin = await startTestOrigin({ dataDir: join(folder, "data"), settings, write: noteErrors });
  const { edgeKey, hosts, url } = origin.facts;
  straight = createSignedClient({ origin: url, edgeKey, host: "burrow.localhost" });
  edge = await startEdge({
    root: projectRoot,
    origin: new URL(url).host,
    edgeKey,
    hosts,
    vars: gateVariables(origin.origin.config),
    port: 0,
    persistDir: join(folder, "edge"),
  });
  const { members } = origin.origin;
  const ada = await members.createOwner({ name: "ada", password: PASSWORD });
  token = (await members.openSession(ada.id, { address: "192.0.2.1" })).accessToken;
});

after(async () => {
  straight.close();
  await edge.stop();
  await origin.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

function through(path: string, address: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...(init.headers as Record<string, string>), "cf-connecting-ip": address };
  return fetch(`${edge.url}${path}`, { redirect: "manual", ...init, headers });
}

async function api<T>(method: string, path: string, body?: object): Promise<{ status: number; told: T }> {
  const answer = await straight.request({ method, path: `/_burrow/admin/v1/security${path}`, token, body });
  return { status: answer.status, told: answer.json<T>() };
}

interface Told {
  probes: { id: number; source: string; rule: string; outcome: string; address: string }[];
  next?: number;
}

/** The edge tells of probes by itself, some moments later: asked for until it is there. */
async function untilTold(rule: string, address: string): Promise<Told["probes"][number]> {
  for (const end = Date.now() + 15_000; Date.now() < end; ) {
    const { told } = await api<Told>("GET", "/probes?limit=200");
    const found = told.probes.find((probe) => probe.rule === rule && probe.address === address);
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return assert.fail(`the origin was not told of ${rule} from ${address}`);
}

test("a probe gets a decoy and is in the ledger; its password tried at the sign-in is a block, at both sides", async () => {
  const decoy = await through("/.env", SCANNER);
  assert.equal(decoy.status, 200);
  const canary = /DB_PASSWORD=(\w+)/.exec(await decoy.text())?.[1] ?? "";
  assert.match(canary, /^[a-z2-7]{16}$/);
  assert.equal((await untilTold("dotfiles/env", SCANNER)).outcome, "decoy");

  const body = JSON.stringify({
    type: "m.login.password",
    identifier: { type: "m.id.user", user: "ada" },
    password: canary,
  });
  const login = await through("/_matrix/client/v3/login", SCANNER, { method: "POST", body });
  assert.equal(login.status, 403);
  assert.equal((await untilTold("canary/replay", SCANNER)).outcome, "replay");

  const again = await straight.request({ method: "GET", path: "/", address: SCANNER });
  assert.equal(again.status, 403);
  assert.equal(again.json()["error"], "source_blocked");
  assert.equal((await straight.request({ method: "GET", path: "/", address: NEIGHBOUR })).status, 200);
  const { told } = await api<{ score: number; block: { kind: string } }>("GET", `/sources/${SCANNER}`);
  assert.equal(told.block.kind, "probes");
  assert.ok(origin.origin.alerts.open().some(({ id }) => id === "honeypot-replay"));

  // The edge has the list with its next report; whatever it lets through before, the origin refuses.
  await through("/wp-login.php", NEIGHBOUR);
  await untilTold("wordpress/login", NEIGHBOUR);
  const refused = await through("/", SCANNER, { headers: { accept: "text/html" } });
  assert.equal(refused.status, 403);
  assert.match(await refused.text(), /Not from here/);
});

test("who is on the safelist may probe as they like, and nobody who signs in is touched", async () => {
  for (const path of ["/?x=${jndi:ldap://a}", "/.git/config", "/.ssh/id_rsa"]) await through(path, SAFE);
  await untilTold("log4shell/jndi", SAFE);
  assert.equal((await through("/", SAFE)).status, 200);
  assert.equal(
    (await through("/_matrix/client/v3/directory/room/%23wp-admin%3Aburrow.localhost", "192.0.2.77")).status,
    404,
  );
  const { told } = await api<Told>("GET", "/probes?limit=200");
  assert.ok(!told.probes.some(({ address }) => address === "192.0.2.77"));
});

test("the owner reads, blocks and lets in again, by the API and by the command line", async () => {
  const run = (...args: string[]) =>
    runCommand(["--data", join(folder, "data"), "--json", "honeypot", ...args]);
  const page = (await run("list", "--limit", "2")).json<Told>();
  assert.equal(page.probes.length, 2);
  const rest = (await run("list", "--limit", "2", "--before", String(page.next))).json<Told>();
  assert.ok((rest.probes[0]?.id ?? 0) < (page.probes[1]?.id ?? 0));

  assert.equal((await run("unblock", SCANNER)).code, 0);
  assert.equal((await straight.request({ method: "GET", path: "/", address: SCANNER })).status, 200);
  const nobody = await run("unblock", SCANNER);
  assert.deepEqual([nobody.code, /is not refused/.test(nobody.stdout)], [1, true]);
  const blocked = (await run("block", "2001:db8:7::1", "--for", "2h", "--reason", "a neighbour")).json();
  assert.deepEqual(
    [blocked["source"], blocked["kind"], blocked["reason"]],
    ["2001:db8:7::/64", "owner", "a neighbour"],
  );
  assert.equal((await straight.request({ method: "GET", path: "/", address: "2001:db8:7::9" })).status, 403);
  assert.equal((await run("show", "2001:db8:7::/64")).json<{ block: { times: number } }>().block.times, 1);
  const statistics = (await run("stats", "--hours", "1")).json<{ probes: number; blocked: number }>();
  assert.ok(statistics.probes >= 5 && statistics.blocked >= 1);
  for (const [args, said] of [
    [["block", SAFE], /on the safelist/],
    [["block", "ada"], /is no address/],
    [["block", "198.51.100.0/24"], /one IPv4 address/],
    [["show", "%zz"], /is no address/],
  ] as const) {
    const refused = await run(...args);
    assert.deepEqual(
      [refused.code, said.test(refused.stdout)],
      [1, true],
      `${args.join(" ")}: ${refused.stdout}`,
    );
  }
  const { told } = await api<{ error: string }>("POST", "/blocks", {
    source: "192.0.2.3",
    expires_in_seconds: 0,
  });
  assert.match(told.error, /from 1 to a year/);
  const stranger = await straight.request({
    method: "GET",
    path: "/_burrow/admin/v1/security/probes",
    token: "none",
  });
  assert.equal(stranger.status, 401);
});

test("the edge's path is nobody else's, and takes nothing that was not signed with it", async () => {
  const path = "/_burrow/edge/probes";
  const body = '{"probes":[],"have":0}';
  assert.equal((await through(path, "192.0.2.1", { method: "POST", body })).status, 404);
  assert.equal((await straight.request({ method: "POST", path, body })).status, 404);
  const own = (query: string, sent: unknown) =>
    straight.request({ method: "POST", path: `${path}${query}`, body: sent, address: "::" });
  assert.equal((await own("", body)).status, 400);
  assert.equal((await own("?sha256=AAAA", body)).status, 400);
  const { createHash } = await import("node:crypto");
  const signed = (text: string) =>
    own(`?sha256=${createHash("sha256").update(text).digest("base64url")}`, text);
  assert.equal((await signed(body)).status, 200);
  for (const text of [
    "",
    "null",
    "[]",
    "{",
    '{"probes":{},"have":0}',
    '{"probes":[null],"have":0}',
    '{"probes":[{"address":1}],"have":0}',
    '{"probes":[],"have":-1}',
    `{"probes":[${"1,".repeat(200)}1],"have":0}`,
    `{"probes":[],"have":0,"x":"${"x".repeat(140_000)}"}`,
  ])
    assert.equal((await signed(text)).status, 400, text.slice(0, 60));
});

test("whatever the owner's API is sent, it answers with a sentence and never fails", async () => {
  const base = "/_burrow/admin/v1/security";
  const ask = async (method: string, path: string, body?: string): Promise<void> => {
    const answer = await straight.request({ method, path: `${base}${path}`, token, body });
    const what = `${method} ${path} ${body?.slice(0, 200)} → ${answer.status} ${answer.text.slice(0, 200)}`;
    assert.ok(answer.status < 500, what);
    assert.doesNotMatch(answer.text, /\bat (?:file:|async )|SQLITE_|\bundefined\b/, what);
  };
  for (const value of anyParameters) {
    await ask("GET", `/sources/${value}`);
    await ask("DELETE", `/blocks/${value}`);
  }
  for (const query of [
    ...anyQueries,
    "source=ada",
    "source=198.51.100.0%2F8",
    "before=x",
    "limit=-1",
    "hours=1e9",
  ])
    for (const path of ["/probes", "/statistics", "/blocks"]) await ask("GET", `${path}?${query}`);
  const good = { source: "198.51.100.77", expires_in_seconds: 60, reason: "because" };
  for (const body of [...anyBodies.map((one) => String(one.body)), ...mutationsOf(good)])
    await ask("POST", "/blocks", body);
  assert.deepEqual(errors, []);
});

test("the owner's room hears of it", async () => {
  const sync = async (): Promise<string> =>
    (await straight.request({ method: "GET", path: "/_matrix/client/v3/sync?timeout=1000", token })).text;
  let heard = await sync();
  for (const end = Date.now() + 10_000; !heard.includes("_server") && Date.now() < end; )
    heard = await sync();
  assert.match(heard, /m\.room\.member|invite/);
  assert.match(heard, /@_server:burrow\.localhost/);
});
