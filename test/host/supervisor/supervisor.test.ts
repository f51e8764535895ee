import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { AddressInfo } from "node:net";

import { askDaemon, ControlError, controlSocket } from "../../../origin/host/supervisor/control.ts";
import {
  lightBeacon,
  nodeService,
  prepareFolders,
  reporting,
  supervise,
  turnUntil,
  crashService,
} from "./fixture.ts";

/** A health check that answers what the test wants. */
async function healthServer(
  t: TestContext,
): Promise<{ url: string; status: number; asked(): Promise<void> }> {
  let wake = (): void => {};
  const server: Server = createServer((_, outgoing) => {
    outgoing.writeHead(health.status).end();
    wake();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const health = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`,
    status: 200,
    asked: () => new Promise<void>((resolve) => (wake = resolve)),
  };
  return health;
}

test("a service gets PATH, what is named for it, and nothing else", async (t) => {
  const beacon = await lightBeacon(t);
  const folders = prepareFolders(t);
  const hidden = "wax-and-feathers-2201";
  writeFileSync(
    join(folders.folder, "config", "notes.env"),
    `# keys\nNOTES_KEY="${hidden}"\nOTHER_KEY=not-for-notes\n`,
    { mode: 0o600 },
  );
  const program = `${reporting(beacon)}
    process.stdin.on("end", () => say({ environment: process.env, directory: process.cwd() })).resume();`;
  await supervise(t, {
    folders,
    services: [
      nodeService("notes", program, {
        env: { LANG: "C.UTF-8" },
        env_file: "notes.env",
        env_names: ["NOTES_KEY"],
      }),
    ],
  });
  const { said } = await beacon.next();
  const environment = said["environment"] as Record<string, string>;
  assert.deepEqual(Object.keys(environment).toSorted(), ["BURROW_SERVICE", "LANG", "NOTES_KEY", "PATH"]);
  assert.equal(environment["NOTES_KEY"], hidden);
  assert.match(environment["BURROW_SERVICE"] ?? "", /^[0-9a-f]{16}\/[0-9a-f]{12}\/notes$/);
  assert.equal(said["directory"], "/");
});

test("a service waits until those before it are healthy", async (t) => {
  const health = await healthServer(t);
  health.status = 503;
  const { supervisor, clock, logged, log } = await supervise(t, {
    services: [
      { name: "reader", command: ["/bin/sleep", "60"], start_after: ["store"] },
      { name: "store", command: ["/bin/sleep", "60"], health: health.url },
    ],
  });
  await logged("service.started", "store");
  const asked = health.asked();
  clock.advance(1_000);
  await asked;
  assert.equal(supervisor.status().find(({ name }) => name === "reader")?.state, "waiting");
  health.status = 200;
  await turnUntil(clock, logged("service.healthy", "store"));
  await logged("service.started", "reader");
  const order = log.filter(({ event }) => event === "service.healthy" || event === "service.started");
  assert.deepEqual(
    order.slice(0, 3).map(({ event, service }) => `${event} ${String(service)}`),
    ["service.started store", "service.healthy store", "service.started reader"],
  );
});

test("a crashing service is tried again ever later, and degraded after five failures with one alert", async (t) => {
  const { supervisor, clock, logged, alerts, log } = await supervise(t, {
    services: [{ name: "broken", command: ["/bin/false"] }],
  });
  const delays: unknown[] = [];
  for (let failure = 1; failure <= 11; failure += 1) {
    const line = await logged("service.ended", "broken", failure);
    delays.push(line["retryInMs"]);
    assert.equal(supervisor.status()[0]?.degraded, failure >= 5);
    clock.advance(Number(line["retryInMs"]));
  }
  assert.deepEqual(
    delays,
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1_000),
  );
  await logged("service.ended", "broken", 12);
  assert.equal(log.filter(({ event }) => event === "alert.raised").length, 1);
  assert.deepEqual(
    alerts.open().map(({ id }) => id),
    ["service-degraded:broken"],
  );
});

test("a minute of health wipes the slate, and ends the alert", async (t) => {
  const folders = prepareFolders(t);
  const marker = join(folders.folder, "good");
  const command = ["/bin/sh", "-c", '[ -e "$1" ] && exec sleep 60; exit 1', "sh", marker];
  const { supervisor, clock, logged, alerts } = await supervise(t, {
    folders,
    services: [{ name: "shaky", command }],
  });
  for (let failure = 1; failure <= 5; failure += 1) {
    const line = await logged("service.ended", "shaky", failure);
    if (failure === 5) writeFileSync(marker, "");
    clock.advance(Number(line["retryInMs"]));
  }
  await logged("alert.raised");
  await logged("service.started", "shaky", 6);
  clock.advance(59_999);
  assert.equal(supervisor.status()[0]?.degraded, true);
  clock.advance(1);
  assert.equal(supervisor.status()[0]?.degraded, false);
  await logged("alert.cleared");
  assert.deepEqual(alerts.open(), []);
  crashService(supervisor);
  assert.equal((await logged("service.ended", "shaky", 6))["retryInMs"], 1_000);
});

test("a service whose health check fails three times is ended and started anew", async (t) => {
  const health = await healthServer(t);
  const { supervisor, clock, logged } = await supervise(t, {
    services: [{ name: "store", command: ["/bin/sleep", "60"], health: health.url }],
  });
  await logged("service.started", "store");
  await turnUntil(clock, logged("service.healthy", "store"));
  const first = supervisor.status()[0]?.pid;
  health.status = 500;
  await turnUntil(clock, logged("service.unhealthy", "store"), 30_000);
  assert.match(String((await logged("service.unhealthy", "store"))["fault"]), /answers 500/);
  const ended = await logged("service.ended", "store");
  // What was wrong, not that we ended it.
  assert.match(String(ended["how"]), /^was ended because .*answers 500/);
  clock.advance(Number(ended["retryInMs"]));
  await logged("service.started", "store", 2);
  assert.notEqual(supervisor.status()[0]?.pid, first);
});

test("stopping ends what ignores SIGTERM, and grandchildren in sessions of their own", async (t) => {
  const beacon = await lightBeacon(t);
  const hidden = `${reporting(beacon)} process.on("SIGTERM", () => {}); say({ hidden: true }); setInterval(() => {}, 1e6);`;
  const program = `${reporting(beacon)}
    process.on("SIGTERM", () => {});
    require("node:child_process").spawn("sh", ["-c", '(setsid "$1" -e "$2" &) &', "sh", process.execPath, ${JSON.stringify(hidden)}], { stdio: "ignore" });
    say({}); setInterval(() => {}, 1e6);`;
  const { supervisor, clock } = await supervise(t, { services: [nodeService("stubborn", program)] });
  const reports = [await beacon.next(), await beacon.next()];
  assert.ok(reports.some(({ said }) => said["hidden"]));
  const closed = supervisor.close();
  // Twice: the grace begins when the stop has got so far.
  await turnUntil(clock, closed, 5_000);
  await Promise.all(reports.map(({ gone }) => gone));
  assert.equal(supervisor.status()[0]?.state, "stopped");
});

test("what a service leaves behind when it ends by itself is ended before the next start", async (t) => {
  const beacon = await lightBeacon(t);
  const rest = `${reporting(beacon)} say({}); setInterval(() => {}, 1e6);`;
  const program = `require("node:child_process").spawn("setsid", [process.execPath, "-e", ${JSON.stringify(rest)}], { stdio: "ignore" }).unref();
    ${reporting(beacon)} say({ leader: true }); require("node:readline").createInterface({ input: require("node:net").connect(${beacon.port}, "127.0.0.1") });`;
  const { logged, supervisor } = await supervise(t, { services: [nodeService("forking", program)] });
  const reports = [await beacon.next(), await beacon.next()];
  crashService(supervisor);
  await logged("service.ended", "forking");
  await Promise.all(reports.map(({ gone }) => gone));
});

test("the command line lists and restarts services over a socket for this user alone", async (t) => {
  const beacon = await lightBeacon(t);
  const program = `${reporting(beacon)} say({}); setInterval(() => {}, 1e6);`;
  const { dataDir, supervisor } = await supervise(t, {
    services: [nodeService("notes", program, { listen: "127.0.0.1:19001" })],
  });
  assert.equal(statSync(controlSocket(dataDir)).mode & 0o777, 0o600);
  const first = await beacon.next();
  const report = await askDaemon(dataDir, { do: "status" });
  assert.deepEqual(report.services, supervisor.status());
  assert.deepEqual(
    report.listeners.map(({ owner, address }) => `${owner} ${address}`),
    [
      `origin unix:${join(dataDir, "origin.sock")}`,
      `origin unix:${controlSocket(dataDir)}`,
      "notes 127.0.0.1:19001",
    ],
  );
  // This test's own process, the guard, and the service.
  assert.ok((report.processes ?? 0) >= 3);
  const after = await askDaemon(dataDir, { do: "restart", service: "notes" });
  await first.gone;
  const second = await beacon.next();
  assert.equal(after.services[0]?.pid, second.said.pid);
  assert.equal(after.services[0]?.restarts, 1);
  await assert.rejects(askDaemon(dataDir, { do: "restart", service: "nonsense" }), (error: Error) => {
    assert.ok(error instanceof ControlError);
    assert.match(error.message, /There is no service nonsense/);
    return true;
  });
});

test("a services file with a fault runs none of its services, and says why", async (t) => {
  const { supervisor, logged } = await supervise(t, {
    services: [
      { name: "good", command: ["/bin/sleep", "60"] },
      { name: "bad", command: ["/bin/sleep"], listens: "0.0.0.0:80" },
    ],
  });
  assert.deepEqual(supervisor.status(), []);
  const { problems } = await supervisor.report();
  assert.match(problems.join(), /unknown key listens; is listen meant\?/);
  assert.match(String((await logged("alert.raised"))["detail"]), /listens/);
});

test("a program that cannot be started counts as a failure, not as an end of the daemon", async (t) => {
  const folders = prepareFolders(t);
  const program = join(folders.folder, "config", "not-a-program");
  writeFileSync(program, "\u007fELF nonsense", { mode: 0o700 });
  const { logged } = await supervise(t, { folders, services: [{ name: "odd", command: [program] }] });
  assert.match(String((await logged("service.ended", "odd"))["how"]), /could not be started|ended with/);
});

test("what a service says is in its log, a line at a time, without its secrets", async (t) => {
  const beacon = await lightBeacon(t);
  const folders = prepareFolders(t);
  writeFileSync(join(folders.folder, "config", "n.env"), "NOTES_KEY=wax-and-feathers-2201\n", {
    mode: 0o600,
  });
  const program = `console.log("started with " + process.env.NOTES_KEY); console.error("Authorization: Bearer abcdefghijkl");
    ${reporting(beacon)} say({}); setInterval(() => {}, 1e6);`;
  const { supervisor, dataDir } = await supervise(t, {
    folders,
    services: [nodeService("notes", program, { env_file: "n.env", env_names: ["NOTES_KEY"] })],
  });
  await beacon.next();
  await supervisor.close();
  const path = join(dataDir, "logs", "notes.log");
  const text = readFileSync(path, "utf8");
  assert.match(text, /Z started with \[redacted\]\n/);
  assert.match(text, /Bearer \[redacted\]\n/);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});
