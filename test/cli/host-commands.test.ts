import assert from "node:assert/strict";
import { readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { secretFile } from "../../origin/config/secrets.ts";
import { openAlertStore } from "../../origin/host/alerts/alert-store.ts";
import { edgeKeyInUse, watchHost } from "../../origin/host/alerts/watch-host.ts";
import { readFact } from "../../origin/host/facts.ts";
import { openHostDatabase } from "../../origin/host/host-database.ts";
import { createLog } from "../../origin/host/log.ts";
import type { Metrics } from "../../origin/host/metrics/metrics.ts";
import { openDatabases } from "../../origin/storage/databases.ts";
import { startAlertServer } from "../host/alerts/alert-server.ts";
import { runCommand } from "../support/run-command.ts";
import type { Outcome } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

type Run = (args: readonly string[], input?: string) => Promise<Outcome>;

async function machine(t: TestContext): Promise<{ data: string; run: Run }> {
  const data = join(temporaryFolder(t), "data");
  const run: Run = (args, input) => runCommand(["--data", data, "--json", ...args], input);
  assert.equal((await run(["init", "--server-name", "example.org"])).code, 0);
  return { data, run };
}

test("config: a secret setting goes in by standard input and never comes out", async (t) => {
  const { data, run } = await machine(t);
  const topic = "https://ntfy.example.org/4f2b9c1d7e";
  const asWord = await run(["config", "set", "alerts.ntfy_url", topic]);
  assert.equal(asWord.code, 2);
  assert.match(asWord.stdout, /standard input/);
  assert.ok(!asWord.stdout.includes("4f2b9c1d7e"));
  const set = await run(["config", "set", "alerts.ntfy_url", "--stdin"], `${topic}\n`);
  assert.deepEqual(set.json(), { changed: ["alerts.ntfy_url"] });
  assert.match(readFileSync(join(data, "burrow.toml"), "utf8"), /4f2b9c1d7e/);
  assert.deepEqual((await run(["config", "set", "alerts.ntfy_url", "configured"])).json(), { changed: [] });

  const shown = await run(["config", "show"]);
  assert.ok(!shown.stdout.includes("4f2b9c1d7e"));
  const { settings, sources, secrets } = shown.json<Record<string, Record<string, unknown>>>();
  assert.equal(settings?.["alerts.ntfy_url"], "configured");
  assert.equal(sources?.["alerts.ntfy_url"], "file");
  assert.deepEqual([secrets?.["edge-key"], secrets?.["tunnel-token"]], ["configured", "absent"]);

  assert.equal((await run(["config", "set", "matrix.max_upload_size", "5000"])).code, 0);
  assert.match(readFileSync(join(data, "burrow.toml"), "utf8"), /^max_upload_size = 5000$/m);
  assert.equal((await run(["config", "set", "matrix.max_upload_size"])).code, 2);
  const unknown = await run(["config", "set", "no.such.key", "1"]);
  assert.deepEqual([unknown.code, /not known/.test(unknown.stdout)], [1, true]);
});

test("rotate edge-key: the steps are told, none shows the key, and the end waits until the edge was seen with it", async (t) => {
  const { data, run } = await machine(t);
  const begun = await run(["rotate", "edge-key"]);
  const { key, next } = begun.json<{ key: string; next: string[] }>();
  const lines = readFileSync(secretFile(data, "edge-key"), "utf8").trim().split("\n");
  assert.equal(lines.length, 2);
  assert.ok(lines[0]?.startsWith(`${key}.`));
  for (const line of lines) assert.ok(!begun.stdout.includes(line.slice(line.indexOf(".") + 1)));
  assert.ok(next.some((step) => step.includes("wrangler secret put EDGE_KEY")));

  const early = await run(["rotate", "edge-key", "--finish"]);
  assert.deepEqual([early.code, /was not seen/.test(early.stdout)], [1, true]);
  // The daemon notes with which key the edge signs.
  const databases = openDatabases(data);
  const database = openHostDatabase(databases);
  const watch = watchHost({
    alerts: { raise() {}, clear() {}, history: () => [], open: () => [], close: async () => {} },
    metrics: {
      samples: { take() {}, list: () => [] },
      lastKey: () => ({ keyid: key, at: 5 }),
    } as unknown as Metrics,
    database,
    clockSkew: () => null,
    log: createLog({ level: "error", now: () => 0, write: () => {} }),
  });
  while (!readFact(database, edgeKeyInUse)) await database.write(() => {});
  watch.close();
  await databases.close();
  assert.equal((await run(["rotate", "edge-key", "--finish"])).code, 0);
  assert.equal(readFileSync(secretFile(data, "edge-key"), "utf8").trim(), lines[0]);
});

test("rotate: a token comes by standard input, a made one is not shown, misuse is told", async (t) => {
  const { data, run } = await machine(t);
  const token = `eyJ${"aB3_".repeat(20)}`;
  const given = await run(["rotate", "tunnel-token"], `${token}\n`);
  assert.equal(given.code, 0);
  assert.ok(!given.stdout.includes(token));
  assert.equal(readFileSync(secretFile(data, "tunnel-token"), "utf8"), `${token}\n`);
  assert.equal(statSync(secretFile(data, "tunnel-token")).mode & 0o777, 0o600);
  const made = await run(["rotate", "alert-webhook-key"]);
  assert.ok(!made.stdout.includes(readFileSync(secretFile(data, "alert-webhook-key"), "utf8").trim()));
  assert.equal((await run(["rotate", "tunnel-token"], "nonsense\n")).code, 1);
  assert.equal((await run(["rotate", "tunnel-token"], "")).code, 2);
  assert.equal((await run(["rotate", "no-such"])).code, 2);
  assert.equal((await run(["rotate", "alert-token", "--finish"])).code, 2);
});

test("rotate backup-identity: new keys, and an identity that was not taken away is never lost", async (t) => {
  const { data, run } = await machine(t);
  const { path } = (await run(["rotate", "backup-identity"])).json<{ path: string }>();
  const first = readFileSync(path, "utf8");
  const keys = readFileSync(secretFile(data, "backup-signing-key"), "utf8");
  const again = await run(["rotate", "backup-identity"]);
  assert.deepEqual([again.code, /still on this device/.test(again.stdout)], [1, true]);
  assert.equal(readFileSync(path, "utf8"), first);
  rmSync(path);
  const second = await run(["rotate", "backup-identity"]);
  assert.equal(second.code, 0);
  assert.ok(!second.stdout.includes("AGE-SECRET-KEY"));
  assert.notEqual(readFileSync(path, "utf8"), first);
  assert.notEqual(readFileSync(secretFile(data, "backup-signing-key"), "utf8"), keys);
});

test("alerts: listed, cleared, and a test message goes out on every way", async (t) => {
  const { data, run } = await machine(t);
  const databases = openDatabases(data);
  const store = openAlertStore({
    database: openHostDatabase(databases),
    ports: ["webhook"],
    now: Date.now,
    redact: (text) => text,
  });
  await store.raise({ id: "disk-low", severity: "warning", title: "Little room", detail: "Make room." });
  const list = await run(["alerts", "list"]);
  assert.deepEqual(
    list.json<{ alerts: Record<string, unknown>[] }>().alerts.map(({ id, cleared_at }) => [id, cleared_at]),
    [["disk-low", null]],
  );
  assert.equal((await run(["alerts", "clear", "disk-low"])).code, 0);
  assert.equal((await run(["alerts", "clear", "disk-low"])).code, 1);
  assert.deepEqual((await run(["alerts", "list"])).json()["alerts"], []);
  assert.equal((await run(["alerts", "list", "--all"])).json<{ alerts: unknown[] }>().alerts.length, 1);
  await databases.close();

  assert.equal((await run(["alerts", "test"])).code, 1);
  const server = await startAlertServer(t);
  await run(["config", "set", "alerts.webhook_url", "--stdin"], `${server.url}/hook/4f2b9c1d`);
  const sent = await run(["alerts", "test"]);
  assert.deepEqual(sent.json(), { results: [{ port: "webhook", error: null }] });
  assert.deepEqual([server.received[0]?.path, server.received[0]?.body["state"]], ["/hook/4f2b9c1d", "test"]);
  server.status = 500;
  assert.equal((await run(["alerts", "test"])).code, 1);
});

test("doctor remembers what was confirmed", async (t) => {
  const { run } = await machine(t);
  assert.equal((await run(["doctor", "--confirm", "nothing"])).code, 2);
  assert.equal((await run(["doctor", "--confirm", "cloudflare-2fa"])).code, 0);
  const { checks } = (await run(["doctor"])).json<{ checks: { name: string; status: string }[] }>();
  assert.equal(checks.find(({ name }) => name === "cloudflare-2fa")?.status, "ok");
  assert.equal(checks.find(({ name }) => name === "device-encryption")?.status, "warning");
});
