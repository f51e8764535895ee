import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { createCanaryCheck } from "../../origin/gate/honeypot/canary.ts";
import { parseProbeReport } from "../../shared/probe-report.ts";
import type { ProbeReport } from "../../shared/probe-report.ts";
import { projectRoot } from "../support/run-burrow.ts";
import { makeEdgeKey } from "../http/signed-request.ts";
import { benchEdge } from "./edge-bench.ts";
import type { Arrival, EdgeBench } from "./edge-bench.ts";

const HOME = "https://burrow.example.org";
const REPORTS = "/_burrow/edge/probes";
const SCANNER = { "cf-connecting-ip": "198.51.100.7" };

interface Bench {
  readonly edge: EdgeBench;
  readonly key: string;
  /** What the edge has told the origin. */
  readonly reports: ProbeReport[];
  /** What the origin says to the next report. */
  receipt: object;
  /** Of its next answers. */
  status: number;
}

function open(t: TestContext, rules: object | undefined, status = 404): Bench {
  const key = makeEdgeKey("k1");
  const reports: ProbeReport[] = [];
  const bench: { receipt: object; status: number } = { receipt: { version: 1, blocks: [] }, status };
  const edge = benchEdge(t, {
    key,
    env: rules === undefined ? {} : { HONEYPOT: JSON.stringify(rules) },
    answer: async (arrival) =>
      isReport(arrival)
        ? await take(arrival)
        : new Response(bench.status === 204 ? null : "an answer", { status: bench.status }),
  });
  async function take({ request, verdict }: Arrival): Promise<Response> {
    const text = await request.text();
    assert.equal(verdict.client.addr, "::", "signed as the edge itself");
    const digest = createHash("sha256").update(text).digest("base64url");
    assert.equal(new URL(request.url).searchParams.get("sha256"), digest);
    const report = parseProbeReport(text);
    assert.ok(report, text);
    reports.push(report);
    return Response.json(bench.receipt);
  }
  return Object.assign(bench, { edge, key, reports });
}

const isReport = ({ request }: Arrival): boolean => new URL(request.url).pathname === REPORTS;

test("off, a probe is a request like any other, and nothing else goes out", async (t) => {
  const bench = open(t, undefined);
  for (const path of ["/.env", "/wp-login.php", "/?x=${jndi:ldap://a}"])
    assert.equal((await bench.edge.ask(`${HOME}${path}`)).status, 404);
  assert.deepEqual([bench.edge.sent.length, bench.edge.arrivals.length], [3, 3]);
});

test("a probe that finds nothing is told to the origin; one that finds something is none", async (t) => {
  const bench = open(t, { block: false, decoys: false });
  const answer = await bench.edge.ask(`${HOME}/.env?x=1`, { headers: { ...SCANNER, "cf-ipcountry": "NL" } });
  assert.deepEqual([answer.status, await answer.text()], [404, "an answer"]);
  const [probe] = bench.reports[0]?.probes ?? [];
  assert.deepEqual(
    { ...probe, firstAt: 0, lastAt: 0 },
    {
      address: "198.51.100.7",
      host: "burrow.example.org",
      method: "GET",
      target: "/.env?x=1",
      rule: "dotfiles/env",
      count: 1,
      firstAt: 0,
      lastAt: 0,
      outcome: "seen",
      country: "NL",
    },
  );
  const found = open(t, { block: false, decoys: true }, 200);
  assert.equal(
    await (await found.edge.ask(`${HOME}/wp-login.php`, { headers: SCANNER })).text(),
    "an answer",
  );
  assert.equal(found.reports.length, 0, "somebody's blog is WordPress");
  // An attack is one even where its page is there.
  await found.edge.ask(`${HOME}/?x=%24%7Bjndi:ldap://a%7D`, { headers: SCANNER });
  assert.equal(found.reports[0]?.probes[0]?.rule, "log4shell/jndi");
});

test("who shows a key or a session is no scanner, whatever their files are called", async (t) => {
  const bench = open(t, { block: false, decoys: true });
  for (const headers of [{ authorization: "Bearer x" }, { cookie: "a=1; __Host-burrow=x" }] as Record<
    string,
    string
  >[])
    assert.equal((await bench.edge.ask(`${HOME}/dav/.git/HEAD`, { headers })).status, 404);
  assert.equal(bench.reports.length, 0);
});

test("nothing that clients of WebDAV, CalDAV and CardDAV were recorded to ask is a signal, whatever the files are called", async (t) => {
  const bench = open(t, { block: false, decoys: true });
  const text = readFileSync(join(projectRoot, "test/shared/recorded-dav-traffic.txt"), "utf8");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.ok(lines.length > 150, String(lines.length));
  for (const line of lines) {
    const [status = "", who, method = "", target = ""] = line.split(" ");
    bench.status = Number(status);
    const headers = { ...SCANNER, ...(who === "signed-in" && { authorization: "Basic YWRhOnB3" }) };
    const answer = await bench.edge.ask(`${HOME}${target}`, { method, headers });
    assert.equal(answer.status, Number(status), line);
  }
  // As Windows does it: it shows nothing until it is asked.
  bench.status = 401;
  await bench.edge.ask(`${HOME}/team/.git/`, { method: "PROPFIND", headers: SCANNER });
  assert.equal(bench.reports.length, 0);
  await bench.edge.ask(`${HOME}/team/.git/`, { headers: SCANNER });
  assert.equal(bench.reports[0]?.probes[0]?.rule, "vcs/git");
});

test("a decoy stands where there is nothing, with a password that is known again", async (t) => {
  let now = Date.now();
  // Each report has its turn at once, as if the one before were long ago.
  t.mock.method(Date, "now", () => (now += 6_000));
  const bench = open(t, { block: false, decoys: true });
  const hasCanary = createCanaryCheck([bench.key]);
  for (const [path, said] of [
    ["/.env", /DB_PASSWORD=/],
    ["/.git/config", /\[core\]/],
    ["/.aws/credentials", /aws_access_key_id = AKIA/],
    ["/wp-config.php.bak", /DB_PASSWORD/],
    ["/backup.sql", /MySQL dump/],
  ] as const) {
    const answer = await bench.edge.ask(`${HOME}${path}`, { headers: SCANNER });
    const text = await answer.text();
    assert.equal(answer.status, 200, path);
    assert.match(text, said, path);
    assert.equal(hasCanary(text), true, path);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
  }
  const page = await bench.edge.ask(`${HOME}/wp-login.php`, { headers: SCANNER });
  assert.match(await page.text(), /<form id="loginform"/);
  assert.match(page.headers.get("content-security-policy") ?? "", /form-action 'none'/);
  assert.equal(bench.reports[0]?.probes[0]?.outcome, "decoy");
  assert.equal(hasCanary("DB_PASSWORD=abcdefghijklmnop"), false);
  assert.equal(
    createCanaryCheck([makeEdgeKey("k2")])(await (await bench.edge.ask(`${HOME}/.env`)).text()),
    false,
  );
});

test("a decoy's password is known again wherever it comes back in the head of a request", async (t) => {
  for (const replay of [
    (canary: string): [string, Record<string, string>] => [
      "/dav/",
      { authorization: `Basic ${btoa(`portal:${canary}`)}` },
    ],
    (canary: string): [string, Record<string, string>] => ["/x", { authorization: `Bearer ${canary}` }],
    (canary: string): [string, Record<string, string>] => [`/login?password=${canary}`, {}],
  ]) {
    const bench = open(t, { block: false, decoys: true });
    const decoy = await (await bench.edge.ask(`${HOME}/.env`)).text();
    const canary = /DB_PASSWORD=(\w+)/.exec(decoy)?.[1] ?? "";
    // The next report waits a few seconds for its turn: here it has passed.
    const now = Date.now();
    t.mock.method(Date, "now", () => now + 6_000);
    const [path, headers] = replay(canary);
    await bench.edge.ask(`${HOME}${path}`, { headers: { ...headers, ...SCANNER } });
    const last = bench.reports.at(-1)?.probes.at(-1);
    assert.deepEqual([last?.rule, last?.outcome], ["canary/replay", "replay"], path);
    t.mock.restoreAll();
  }
});

test("blocked sources are refused without asking anybody, and the list is at most 15 seconds old", async (t) => {
  let now = Date.now();
  t.mock.method(Date, "now", () => now);
  const bench = open(t, { block: true, decoys: false }, 200);
  bench.receipt = { version: 7, blocks: [["198.51.100.7/32", now + 60_000]] };
  assert.equal((await bench.edge.ask(`${HOME}/`)).status, 200);
  assert.deepEqual(bench.reports, [{ probes: [], have: 0 }]);

  const before = bench.edge.sent.length;
  for (let n = 0; n < 20; n += 1) {
    const answer = await bench.edge.ask(`${HOME}/`, { headers: { accept: "text/html", ...SCANNER } });
    assert.equal(answer.status, 403);
    assert.match(await answer.text(), /Not from here/);
  }
  assert.equal(bench.edge.sent.length, before, "nobody was asked");
  const matrix = await bench.edge.ask(`${HOME}/_matrix/client/versions`, { headers: SCANNER });
  assert.equal(((await matrix.json()) as { errcode: string }).errcode, "M_FORBIDDEN");
  assert.equal(
    (await bench.edge.ask(`${HOME}/`, { headers: { "cf-connecting-ip": "198.51.100.8" } })).status,
    200,
  );

  now += 15_001;
  bench.receipt = { version: 8, blocks: [] };
  await bench.edge.ask(`${HOME}/`);
  assert.deepEqual(bench.reports.at(-1), { probes: [], have: 7 });
  assert.equal((await bench.edge.ask(`${HOME}/`, { headers: SCANNER })).status, 200);
});

test("a block ends by itself, also where the origin says nothing more", async (t) => {
  let now = Date.now();
  t.mock.method(Date, "now", () => now);
  const bench = open(t, { block: true, decoys: false }, 200);
  bench.receipt = { version: 7, blocks: [["2001:db8:9:9::/64", now + 5_000]] };
  await bench.edge.ask(`${HOME}/`);
  const headers = { "cf-connecting-ip": "2001:DB8:9:9::77" };
  assert.equal((await bench.edge.ask(`${HOME}/`, { headers })).status, 403);
  now += 5_000;
  assert.equal((await bench.edge.ask(`${HOME}/`, { headers })).status, 200);
});

test("what cannot be told is told later, counted together", async (t) => {
  let now = Date.now();
  t.mock.method(Date, "now", () => now);
  const bench = open(t, { block: false, decoys: false });
  bench.receipt = { nothing: true };
  for (let n = 0; n < 3; n += 1) {
    await bench.edge.ask(`${HOME}/.env`, { headers: SCANNER });
    now += 6_000;
  }
  bench.receipt = { version: 1 };
  await bench.edge.ask(`${HOME}/.env`, { headers: SCANNER });
  assert.equal(bench.reports.at(-1)?.probes[0]?.count, 4);
  now += 6_000;
  await bench.edge.ask(`${HOME}/.env`, { headers: SCANNER });
  assert.equal(bench.reports.at(-1)?.probes[0]?.count, 1);
});

test("no visitor asks under the edge's own address", async (t) => {
  const bench = open(t, { block: true, decoys: false });
  const headers = { "cf-connecting-ip": "::" };
  assert.equal((await bench.edge.ask(`${HOME}${REPORTS}`, { method: "POST", headers })).status, 400);
});
