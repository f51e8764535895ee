/** H1: whatever a service opens beyond loopback, wherever in its tree and whenever, ends it and is said. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { temporaryFolder } from "../../support/temporary-folder.ts";
import {
  type Beacon,
  lightBeacon,
  nodeService,
  reporting,
  type ServiceTable,
  supervise,
  lowPort,
  turnUntil,
} from "./fixture.ts";

/** A program that listens, and then says so. */
function listening(beacon: Beacon, host: string, port = 0): string {
  return `${reporting(beacon)} process.on("SIGTERM", () => process.exit(0));
    require("node:net").createServer().listen(${port}, ${JSON.stringify(host)}, function () { say({ port: this.address().port }); });`;
}

/** Starts the service, waits for `reports` of it, turns the clock to the first look, and expects its end. */
async function expectRefused(
  t: TestContext,
  beacon: Beacon,
  service: ServiceTable,
  address: RegExp,
  reports = 1,
): Promise<void> {
  const { supervisor, clock, logged, alerts } = await supervise(t, { services: [service] });
  await logged("service.started");
  const gone = [];
  for (let report = 0; report < reports; report += 1) gone.push((await beacon.next()).gone);
  clock.advance(5_000);
  const refused = await logged("service.refused", service.name);
  assert.match(String(refused["why"]), address);
  await Promise.all(gone);
  await logged("alert.raised");
  assert.deepEqual(
    alerts.open().map(({ id }) => id),
    [`service-refused:${service.name}`],
  );
  await logged("service.stopped");
  clock.advance(3_600_000);
  const [status] = supervisor.status();
  assert.deepEqual([status?.state, status?.pid, status?.restarts], ["refused", null, 0]);
  assert.match(status?.detail ?? "", /can be reached from the network/);
}

test("a service on loopback runs on", async (t) => {
  const beacon = await lightBeacon(t);
  const { supervisor, clock, dataDir } = await supervise(t, {
    services: [nodeService("good", listening(beacon, "127.0.0.1"))],
  });
  const { said } = await beacon.next();
  await lookOnce(supervisor, clock);
  const [status] = supervisor.status();
  assert.equal(status?.state, "running");
  assert.equal(status?.audit, "kernel");
  assert.deepEqual(status?.sockets, [`tcp 127.0.0.1:${String(said["port"])}`]);
  const { listeners } = await supervisor.report();
  assert.ok(
    listeners.some(({ owner, address }) => owner === "good" && address.endsWith(`:${String(said["port"])}`)),
    dataDir,
  );
});

test("a listener on every IPv4 address", async (t) => {
  const beacon = await lightBeacon(t);
  await expectRefused(t, beacon, nodeService("open", listening(beacon, "0.0.0.0")), /tcp 0\.0\.0\.0:\d+/);
});

test("a listener on every IPv6 address", async (t) => {
  const probe = createServer().listen(0, "::1");
  const answer = await Promise.race([
    once(probe, "listening").then(() => true),
    once(probe, "error").then(() => false),
  ]);
  probe.close();
  if (!answer) return t.skip("no IPv6 here");
  const beacon = await lightBeacon(t);
  await expectRefused(t, beacon, nodeService("open", listening(beacon, "::")), /tcp \[::\]:\d+/);
});

test("a listener on an address of the local network", async (t) => {
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find((entry) => !entry.internal && entry.family === "IPv4");
  if (!own) return t.skip("this machine has loopback only");
  const beacon = await lightBeacon(t);
  await expectRefused(
    t,
    beacon,
    nodeService("open", listening(beacon, own.address)),
    new RegExp(own.address),
  );
});

test("a UDP socket that waits on a port of its choice", async (t) => {
  const beacon = await lightBeacon(t);
  const program = `${reporting(beacon)} require("node:dgram").createSocket("udp4").bind(${await lowPort()}, "0.0.0.0", () => say({}));`;
  await expectRefused(t, beacon, nodeService("open", program), /udp 0\.0\.0\.0:\d+/);
});

test("a UDP socket for sending passes once and not twice", async (t) => {
  const beacon = await lightBeacon(t);
  const program = `${reporting(beacon)} require("node:dgram").createSocket("udp4").bind(0, "0.0.0.0", () => say({}));`;
  const { supervisor, clock, logged } = await supervise(t, { services: [nodeService("dns", program)] });
  await beacon.next();
  await lookOnce(supervisor, clock);
  assert.equal(supervisor.status()[0]?.state, "running");
  clock.advance(15_000);
  assert.match(String((await logged("service.refused"))["why"]), /udp 0\.0\.0\.0/);
});

test("a listener that is opened long after the start is found within the hour", async (t) => {
  const beacon = await lightBeacon(t);
  const program = `${reporting(beacon)} process.on("SIGUSR2", () => {
      require("node:net").createServer().listen(0, "0.0.0.0");
    }); say({}); setInterval(() => {}, 1e6);`;
  const { supervisor, clock, logged } = await supervise(t, { services: [nodeService("late", program)] });
  const { said } = await beacon.next();
  await lookOnce(supervisor, clock);
  clock.advance(30_000);
  assert.equal(supervisor.status()[0]?.state, "running");
  process.kill(said.pid, "SIGUSR2");
  await turnUntil(clock, logged("service.refused"), 3_600_000);
  assert.match(String((await logged("service.refused"))["why"]), /tcp 0\.0\.0\.0/);
});

test("a listener in a grandchild that left the tree by a double fork and a session of its own", async (t) => {
  const beacon = await lightBeacon(t);
  const program = `require("node:child_process").spawn("sh",
      ["-c", '(setsid "$1" -e "$2" &) &', "sh", process.execPath, ${JSON.stringify(listening(beacon, "0.0.0.0"))}], { stdio: "ignore" });
    ${reporting(beacon)} say({}); setInterval(() => {}, 1e6);`;
  await expectRefused(t, beacon, nodeService("deep", program), /tcp 0\.0\.0\.0/, 2);
});

test("the owner's restart tries a refused service again", async (t) => {
  const beacon = await lightBeacon(t);
  const { supervisor, clock, logged, alerts } = await supervise(t, {
    services: [nodeService("open", listening(beacon, "0.0.0.0"))],
  });
  const { gone } = await beacon.next();
  clock.advance(5_000);
  await logged("service.refused");
  await gone;
  await logged("alert.raised");
  await supervisor.restart("open");
  await beacon.next();
  assert.equal(supervisor.status()[0]?.state, "running");
  await logged("alert.cleared");
  assert.deepEqual(alerts.open(), []);
});

test("where the kernel's tables are closed, the declared port is tried", async (t) => {
  const proc = join(temporaryFolder(t), "proc");
  mkdirSync(proc);
  const beacon = await lightBeacon(t);
  const port = await lowPort();
  const { supervisor, clock, logged } = await supervise(t, {
    proc,
    services: [nodeService("open", listening(beacon, "0.0.0.0", port), { listen: `127.0.0.1:${port}` })],
  });
  await beacon.next();
  clock.advance(5_000);
  assert.match(String((await logged("service.refused"))["why"]), new RegExp(`port ${port} can be reached`));
  assert.equal((await supervisor.report()).processes, null);
});

test("where they are closed and there is no port to try, the service does not start", async (t) => {
  const proc = join(temporaryFolder(t), "proc");
  mkdirSync(proc);
  const beacon = await lightBeacon(t);
  const { supervisor, logged } = await supervise(t, {
    proc,
    services: [nodeService("blind", listening(beacon, "127.0.0.1"))],
  });
  assert.match(String((await logged("service.refused"))["why"]), /does not show its sockets/);
  assert.equal(supervisor.status()[0]?.pid, null);
  assert.equal(supervisor.status()[0]?.restarts, 0);
});

/** Turns the clock to the first look, and waits until it is over. */
async function lookOnce(
  supervisor: { status(): readonly { audit: string | null }[] },
  clock: { advance(ms: number): void },
): Promise<void> {
  clock.advance(5_000);
  while (supervisor.status()[0]?.audit === null) await new Promise((resolve) => setImmediate(resolve));
}
