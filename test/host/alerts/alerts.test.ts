import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test, type TestContext } from "node:test";

import { type Alert, type Alerts, createAlerts } from "../../../origin/host/alerts/alerts.ts";
import { type AlertOutbound, createPorts } from "../../../origin/host/alerts/ports.ts";
import { sendTest } from "../../../origin/host/alerts/send-test.ts";
import { openHostDatabase } from "../../../origin/host/host-database.ts";
import { createLog } from "../../../origin/host/log.ts";
import type { Database } from "../../../origin/storage/database.ts";
import { openDatabases } from "../../../origin/storage/databases.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { type AlertServer, startAlertServer } from "./alert-server.ts";

const minute = 60_000;
const hour = 60 * minute;
const disk: Alert = { id: "disk-low", severity: "warning", title: "Little room", detail: "400 MB free." };

interface World {
  readonly alerts: Alerts;
  readonly server: AlertServer;
  readonly database: Database;
  readonly log: string[];
  time: number;
  /** Once everything noted so far is on disk and what was due has gone out. */
  settled(): Promise<void>;
  restart(): Promise<Alerts>;
}

async function openWorld(t: TestContext, ways: ("ntfy" | "webhook")[] = ["webhook"]): Promise<World> {
  const databases = openDatabases(temporaryFolder(t));
  const database = openHostDatabase(databases);
  const server = await startAlertServer(t);
  const lines: string[] = [];
  const log = createLog({ level: "debug", now: () => 0, write: (line) => lines.push(line) });
  let sending: Promise<unknown> = Promise.resolve();
  const outbound: AlertOutbound = {
    fetch: (_purpose, url, { method, headers, body }) => {
      const answer = fetch(url, { method, headers, body });
      sending = answer.catch(() => {});
      return answer;
    },
  };
  const create = () =>
    createAlerts({
      database,
      outbound,
      config: {
        serverName: "example.org",
        alerts: {
          ntfyUrl: ways.includes("ntfy") ? `${server.url}/push/my-topic` : "",
          webhookUrl: ways.includes("webhook") ? `${server.url}/hook/5f3a` : "",
        },
      },
      secrets: {
        readOptional: (name) => (name === "alert-token" ? "tk_example_of_a_token" : "example of a key"),
      },
      log,
      now: () => world.time,
    });
  const world: World & { alerts: Alerts } = {
    alerts: undefined as unknown as Alerts,
    server,
    database,
    log: lines,
    time: 1_800_000_000_000,
    async settled() {
      // Twice: what was sent is noted afterwards, which may make room for the next message.
      for (let round = 0; round < 6; round += 1) {
        await database.write(() => {});
        await sending;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async restart() {
      await world.alerts.close();
      return (world.alerts = create());
    },
  };
  world.alerts = create();
  t.after(async () => {
    await world.alerts.close();
    await databases.close();
  });
  return world;
}

function states(server: AlertServer): unknown[] {
  return server.received.map(({ body }) => `${String(body["state"])} ${String(body["id"])}`);
}

test("an alert is sent once, however often it is raised, and its end is told", async (t) => {
  const world = await openWorld(t);
  for (let round = 0; round < 30; round += 1) {
    world.alerts.raise({ ...disk, detail: `${400 - round} MB free.` });
    await world.settled();
    world.time += minute;
  }
  assert.deepEqual(states(world.server), ["raised disk-low"]);
  assert.deepEqual(
    world.alerts.open().map(({ id, severity, clearedAt }) => ({ id, severity, clearedAt })),
    [{ id: "disk-low", severity: "warning", clearedAt: null }],
  );
  world.alerts.clear("disk-low");
  await world.settled();
  assert.deepEqual(states(world.server), ["raised disk-low", "cleared disk-low"]);
  assert.deepEqual(world.alerts.open(), []);
  assert.equal(world.alerts.history(10)[0]?.clearedAt, world.time);
});

test("raised and cleared in one breath, either way round, the last word holds", async (t) => {
  const world = await openWorld(t, []);
  world.alerts.raise(disk);
  world.alerts.clear("disk-low");
  await world.settled();
  assert.deepEqual(world.alerts.open(), []);
  world.alerts.raise(disk);
  await world.settled();
  world.alerts.clear("disk-low");
  world.alerts.raise(disk);
  await world.settled();
  assert.equal(world.alerts.open().length, 1);
});

test("one that comes and goes is kept in the history and does not ring every time", async (t) => {
  const world = await openWorld(t);
  for (let round = 0; round < 5; round += 1) {
    world.alerts.raise(disk);
    await world.settled();
    world.alerts.clear("disk-low");
    await world.settled();
    world.time += minute;
  }
  assert.deepEqual(states(world.server), ["raised disk-low", "cleared disk-low"]);
  assert.equal(world.alerts.history(10).length, 5);
  // But when it lasts, it is told after the quiet time.
  world.alerts.raise(disk);
  await world.settled();
  world.time += hour;
  world.alerts.raise(disk);
  await world.settled();
  assert.equal(world.server.received.length, 3);
});

test("what gets worse is told at once, and what stays is told again after a day", async (t) => {
  const world = await openWorld(t);
  world.alerts.raise(disk);
  await world.settled();
  world.time += minute;
  world.alerts.raise({ ...disk, severity: "critical" });
  await world.settled();
  assert.deepEqual(
    world.server.received.map(({ body }) => body["severity"]),
    ["warning", "critical"],
  );
  world.time += 25 * hour;
  world.alerts.raise({ ...disk, severity: "critical" });
  await world.settled();
  assert.equal(world.server.received.length, 3);
});

test("a refused message is tried again with growing pauses, also after a restart, and never lost", async (t) => {
  const world = await openWorld(t);
  world.server.status = 503;
  world.alerts.raise(disk);
  await world.server.first(1);
  await world.settled();
  for (const pause of [29_000, 2_000, 45_000, 2_000]) {
    world.time += pause;
    await world.restart();
    await world.settled();
  }
  assert.equal(world.server.received.length, 2);
  assert.ok(world.log.some((line) => line.includes("refused with status 503")));
  world.server.status = 200;
  world.time += 2 * minute;
  await world.restart();
  await world.settled();
  world.time += hour;
  await world.restart();
  await world.settled();
  assert.equal(world.server.received.length, 3);
});

test("a port that refuses is asked once a round, however many messages wait for it", async (t) => {
  const world = await openWorld(t);
  world.server.status = 503;
  for (let number = 0; number < 5; number += 1)
    world.alerts.raise({ ...disk, id: `service-degraded:${number}` });
  await world.settled();
  assert.equal(world.server.received.length, 1);
  world.server.status = 200;
  world.time += minute;
  await world.restart();
  await world.server.first(6);
  await world.settled();
  assert.equal(world.server.received.length, 6);
});

test("one dead port does not keep the other from telling, nor repeat what it told", async (t) => {
  const world = await openWorld(t, ["ntfy", "webhook"]);
  const dead = createAlerts({
    database: world.database,
    outbound: {
      fetch: async (_, url) => {
        if (url.includes("/hook/")) return { status: 200, body: null };
        throw Object.assign(new Error(`connect to ${url}`), { code: "ECONNREFUSED" });
      },
    },
    config: {
      serverName: "example.org",
      alerts: {
        ntfyUrl: "https://ntfy.example.org/secret-topic",
        webhookUrl: "https://example.org/hook/5f3a",
      },
    },
    secrets: { readOptional: () => undefined },
    log: createLog({ level: "debug", now: () => 0, write: (line) => world.log.push(line) }),
    now: () => world.time,
  });
  await world.alerts.close();
  dead.raise(disk);
  await world.settled();
  await dead.close();
  await world.restart();
  world.time += minute;
  await world.restart();
  await world.settled();
  assert.deepEqual(
    world.server.received.map(({ path }) => path),
    ["/push/"],
  );
  // A topic's name is as good as a password.
  assert.ok(!world.log.join("").includes("secret-topic"), world.log.join(""));
});

test("a clock set back holds no message up", async (t) => {
  const world = await openWorld(t);
  world.server.status = 503;
  world.alerts.raise(disk);
  await world.server.first(1);
  await world.settled();
  world.server.status = 200;
  world.time -= 400 * 24 * hour;
  await world.restart();
  await world.settled();
  assert.equal(world.server.received.length, 2);
});

test("ntfy gets its topic, its token and every letter", async (t) => {
  const world = await openWorld(t, ["ntfy"]);
  world.alerts.raise({ ...disk, severity: "critical", title: "Wenig Platz – 🦡\r\nX-Header: 1" });
  const [message] = await world.server.first(1);
  assert.equal(message?.path, "/push/");
  assert.equal(message?.headers["authorization"], "Bearer tk_example_of_a_token");
  assert.equal(message?.headers["x-header"], undefined);
  assert.deepEqual([message?.body["topic"], message?.body["priority"]], ["my-topic", 5]);
  assert.match(String(message?.body["title"]), /^Wenig Platz – 🦡.*\(example\.org\)$/s);
});

test("a webhook can check who sent it", async (t) => {
  const world = await openWorld(t);
  world.alerts.raise(disk);
  const [message] = await world.server.first(1);
  const [, seconds, mac] =
    /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(message?.headers["burrow-signature"])) ?? [];
  const signed = `${seconds}.${JSON.stringify(message?.body)}`;
  assert.equal(mac, createHmac("sha256", "example of a key").update(signed).digest("hex"));
  assert.equal(Number(seconds), world.time / 1000);
});

test("secrets in what raised it do not get into the history or a message", async (t) => {
  const world = await openWorld(t);
  world.alerts.raise({ ...disk, detail: "GET /x?access_token=q7Jx0v3kMZt9aYbC failed" });
  const [message] = await world.server.first(1);
  assert.ok(!JSON.stringify([message, world.alerts.history(9)]).includes("q7Jx0v3kMZt9aYbC"));
});

test("the test message tells what became of it on every way", async (t) => {
  const server = await startAlertServer(t);
  const ports = createPorts({
    outbound: { fetch: (_purpose, url, { method, headers, body }) => fetch(url, { method, headers, body }) },
    config: {
      serverName: "example.org",
      alerts: { ntfyUrl: `${server.url}/my-topic`, webhookUrl: "http://127.0.0.1:9/hook" },
    },
    secrets: { readOptional: () => undefined },
    now: () => 0,
  });
  server.status = 403;
  const outcome = await sendTest(ports, 0);
  assert.deepEqual(outcome[0], { port: "ntfy", error: "refused with status 403" });
  assert.match(outcome[1]?.error ?? "", /^not sent: /);
  server.status = 200;
  assert.equal((await sendTest(ports, 0))[0]?.error, null);
});

test("what a full disk does not let be kept is sent all the same, once an hour, and kept when there is room", async (t) => {
  const world = await openWorld(t);
  // Its own write may share the transaction that fails.
  const settled = (): Promise<void> => world.settled().catch(() => {});
  const pages = world.database.prepare<{ page_count: number }>("PRAGMA page_count").get()?.page_count ?? 0;
  world.database.prepare(`PRAGMA max_page_count = ${pages}`).get();
  // The pages that there are have room for some.
  for (let at = 0; world.log.every((line) => !line.includes("alert.not-kept")); at += 1) {
    world.alerts.raise({ ...disk, id: `other:${at}`, detail: "x".repeat(2000) });
    await settled();
  }
  const full: Alert = { ...disk, severity: "critical", title: "The disk is full", detail: "x".repeat(2000) };
  for (let round = 0; round < 3; round += 1) {
    world.alerts.raise(full);
    await settled();
  }
  assert.equal(states(world.server).filter((state) => state === "raised disk-low").length, 1);
  assert.ok(
    world.log.filter((line) => line.includes("alert.not-kept")).length <= 2,
    "a line for each, not each time",
  );
  world.database.prepare("PRAGMA max_page_count = 1000000").get();
  world.alerts.raise(full);
  await settled();
  assert.ok(world.alerts.open().some(({ id }) => id === "disk-low"));
});

test("a clock set forward by a month gives no waiting message up", async (t) => {
  const world = await openWorld(t);
  world.server.status = 503;
  world.alerts.raise(disk);
  await world.settled();
  world.time += 30 * 24 * hour;
  await world.restart();
  await world.settled();
  world.server.status = 200;
  world.time += 2 * hour;
  await world.restart();
  await world.settled();
  assert.equal(
    world.log.some((line) => line.includes("alert.given-up")),
    false,
  );
  const sent = world.log.filter((line) => line.includes("alert.sent"));
  assert.equal(sent.length, 1);
});
