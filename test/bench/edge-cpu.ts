/**
 * What the gate costs at the edge: CPU time of a workerd process by itself (no miniflare around it) per request, side by
 * side in one run: a Worker that only passes requests on (the floor), the real Worker, and the real one with Access and
 * with the honeypot. "node test/bench/edge-cpu.ts [requests]"
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { createEdgeProof } from "../../origin/http/edge-proof.ts";
import { formatAccessRules } from "../../shared/access-policy.ts";
import { PROBE_REPORT_PATH } from "../../shared/probe-report.ts";
import { makeEdgeKey } from "../http/signed-request.ts";
import { AUD, startAccessTeam, TEAM } from "../support/access-team.ts";
import type { AccessTeam } from "../support/access-team.ts";
import { projectRoot } from "../support/run-burrow.ts";
import { freePort } from "../support/origin-process.ts";

const requests = Number(process.argv[2] ?? 4_000);
const ROUNDS = 4;
const CONCURRENCY = 16;
const KEY = makeEdgeKey("k1");
const folder = mkdtempSync(join(tmpdir(), "burrow edge cpu "));

/** Answers everything with a good reply proof, and the edge's reports with a thousand blocks. */
async function startOrigin(): Promise<{ port: number; close: () => void }> {
  const nonces = { remember: () => "fresh" as const, close: () => undefined };
  const proof = createEdgeProof({ keys: [KEY], now: Date.now, nonces, panic: () => "none" });
  const until = Date.now() + 86_400_000;
  const blocks = Array.from({ length: 1_000 }, (_, n) => [`198.18.${n >> 8}.${n & 255}/32`, until]);
  const receipt = JSON.stringify({ version: 1, blocks });
  const server = createServer((incoming, outgoing) => {
    const verdict = proof.verify(incoming);
    const isReport = incoming.url?.startsWith(PROBE_REPORT_PATH) === true;
    outgoing.setHeader("burrow-reply", proof.replyHeader(verdict, 200));
    outgoing.setHeader("content-type", "application/json");
    incoming.resume();
    outgoing.end(isReport ? receipt : '{"ok":true}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

/** The bundle that would be deployed. */
function bundle(): string {
  const out = join(folder, "bundle");
  const made = spawnSync(
    process.execPath,
    [
      "node_modules/wrangler/bin/wrangler.js",
      "deploy",
      "--dry-run",
      "--outdir",
      out,
      "--config",
      "wrangler.toml",
    ],
    { cwd: projectRoot, env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "1" }, encoding: "utf8" },
  );
  const file = readdirSync(out).find((name) => name.endsWith(".js"));
  if (made.status !== 0 || file === undefined) throw new Error(made.stderr);
  return readFileSync(join(out, file), "utf8");
}

const FLOOR = `export default { fetch(request, env) {
  const url = new URL(request.url); url.protocol = "http:"; return env.ORIGIN.fetch(new Request(url, request)); } }`;

interface Variant {
  readonly name: string;
  readonly code: string;
  readonly vars: Record<string, string>;
  readonly headers: () => Record<string, string>;
  readonly path: string;
}

interface Running {
  readonly variant: Variant;
  readonly child: ChildProcess;
  readonly port: number;
  cpuMs: number;
  answered: number;
}

async function start(variant: Variant, origin: number, number: number): Promise<Running> {
  const port = await freePort();
  const text = (value: string): string => JSON.stringify(value);
  const module = join(folder, `worker-${number}.js`);
  writeFileSync(module, variant.code);
  const vars = { HOSTS: "127.0.0.1=apex", HSTS_STAGE: "off", EDGE_KEY: KEY, ...variant.vars };
  const bindings = Object.entries(vars).map(
    ([name, value]) => `(name = ${text(name)}, text = ${text(value)})`,
  );
  const isReal = variant.code !== FLOOR;
  const objects = ["Sentinel", "Throttle"].filter(
    (name) => isReal && variant.code.includes(`${name} = class`),
  );
  const config = join(folder, `worker-${number}.capnp`);
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "origin", external = (address = "127.0.0.1:${origin}", http = ())),
    (name = "internet", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker-${number}.js")],
  compatibilityDate = "2026-11-01",
  compatibilityFlags = ["enable_request_signal"],
  bindings = [(name = "ORIGIN", service = "origin"), ${bindings.join(", ")}${objects
    .map((name) => `, (name = "${name.toUpperCase()}", durableObjectNamespace = "${name}")`)
    .join("")}],
  durableObjectNamespaces = [${objects.map((name) => `(className = "${name}", uniqueKey = "${name}")`).join(", ")}],
  durableObjectStorage = (inMemory = void),
);
`,
  );
  // The program itself: `workerd` of npm is a script that starts it.
  const platform = process.arch === "arm64" ? "arm64" : "64";
  const binary = join(projectRoot, `node_modules/@cloudflare/workerd-linux-${platform}/bin/workerd`);
  const child = spawn(binary, ["serve", config], { stdio: ["ignore", "inherit", "inherit"] });
  for (;;) {
    if (child.exitCode !== null) throw new Error(`workerd ended: ${variant.name}`);
    const socket = connect(port, "127.0.0.1");
    const open = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return { variant, child, port, cpuMs: 0, answered: 0 };
    await sleep(50);
  }
}

/** User and system time of the process, all threads, in milliseconds (proc_pid_stat(5): fields 14 and 15). */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  return ticks * 10;
}

async function load(running: Running, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const { path, headers } = running.variant;
  let left = count;
  const one = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        {
          agent,
          host: "127.0.0.1",
          port: running.port,
          path,
          headers: { "cf-connecting-ip": "192.0.2.7", "cf-ray": "8f0a-AMS", accept: "*/*", ...headers() },
        },
        (incoming) => {
          incoming.resume();
          incoming.on("end", () => resolve(incoming.statusCode ?? 0));
        },
      );
      outgoing.on("error", reject);
      outgoing.end();
    });
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const status = await one();
      if (status !== 200) throw new Error(`${running.variant.name}: ${status}`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  agent.destroy();
}

async function variantsOf(code: string, team: AccessTeam): Promise<Variant[]> {
  const policies = [{ host: "127.0.0.1", path: "/closed", aud: [AUD], serviceTokens: [] }];
  const ACCESS = formatAccessRules({ team: TEAM, certsUrl: team.certsUrl, policies });
  const HONEYPOT = JSON.stringify({ block: true, decoys: true });
  const path = "/_matrix/client/v3/rooms/!a:example.org/messages?dir=b&limit=20";
  const page = "/closed/settings/devices?tab=sessions";
  const jwt = await team.sign();
  const many = await Promise.all(
    Array.from({ length: 2_000 }, (_, n) => team.sign({ identity_nonce: `n${n}` })),
  );
  let turn = 0;
  const none = (): Record<string, string> => ({});
  const same = (): Record<string, string> => ({ "cf-access-jwt-assertion": jwt });
  const fresh = (): Record<string, string> => ({
    "cf-access-jwt-assertion": many[(turn += 1) % many.length] ?? jwt,
  });
  return [
    { name: "floor: passes on, nothing else", code: FLOOR, vars: {}, headers: none, path: page },
    { name: "the gate", code, vars: {}, headers: none, path: page },
    { name: "the gate, a Matrix path", code, vars: { HONEYPOT }, headers: none, path },
    { name: "+ honeypot", code, vars: { HONEYPOT }, headers: none, path: page },
    { name: "+ Access, a browser's token", code, vars: { ACCESS }, headers: same, path: page },
    { name: "+ Access, each token new", code, vars: { ACCESS }, headers: fresh, path: page },
    { name: "+ Access + honeypot", code, vars: { ACCESS, HONEYPOT }, headers: same, path: page },
  ];
}

const team = await startAccessTeam();
const origin = await startOrigin();
const all: Running[] = [];
try {
  for (const [number, variant] of (await variantsOf(bundle(), team)).entries())
    all.push(await start(variant, origin.port, number));
  for (const running of all) await load(running, 500);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const running of all) {
      const pid = running.child.pid ?? 0;
      const before = cpuOf(pid);
      await load(running, requests / ROUNDS);
      running.cpuMs += cpuOf(pid) - before;
      running.answered += requests / ROUNDS;
    }
  }
  const floor = (all[0]?.cpuMs ?? 0) / (all[0]?.answered ?? 1);
  for (const { variant, cpuMs, answered } of all) {
    const each = cpuMs / answered;
    const above = each - floor;
    process.stdout.write(
      `${variant.name.padEnd(34)} ${each.toFixed(3)} ms CPU a request, ${above.toFixed(3)} ms above the floor\n`,
    );
  }
} finally {
  for (const { child } of all) child.kill("SIGKILL");
  origin.close();
  await team.stop();
  rmSync(folder, { recursive: true, force: true });
}
