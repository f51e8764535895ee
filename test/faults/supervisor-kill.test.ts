/** H4: no service outlives a daemon that was killed, whatever it started and however it left the tree. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { stringify } from "smol-toml";

import { readProcesses } from "../../origin/host/process-table.ts";
import { askDaemon } from "../../origin/host/supervisor/control.ts";
import { type Beacon, lightBeacon, nodeService, reporting } from "../host/supervisor/fixture.ts";
import { projectRoot, runBurrow } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

interface Daemon {
  readonly child: ChildProcess;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** `burrow up` as a service manager starts it. */
async function startDaemon(t: TestContext, folder: string): Promise<Daemon> {
  const child = spawn(
    join(projectRoot, "bin/burrow"),
    [
      "--json",
      "--data",
      join(folder, "data"),
      "up",
      "--allow-root",
      "--services",
      join(folder, "config", "services.toml"),
    ],
    { stdio: ["ignore", "pipe", "ignore"], env: { PATH: process.env["PATH"], HOME: folder } },
  );
  const gone = once(child, "exit");
  t.after(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout });
  const ready = await Promise.race([once(lines, "line").then(() => true), gone.then(() => false)]);
  assert.ok(ready, "the daemon did not start");
  return {
    child,
    async kill(signal) {
      child.kill(signal);
      await gone;
    },
  };
}

/** A service with a grandchild that has left its session and its parent. Stubborn ones ignore SIGTERM. */
async function prepare(t: TestContext, beacon: Beacon, stubborn = false): Promise<string> {
  const folder = temporaryFolder(t);
  assert.equal(
    (await runBurrow(["--data", join(folder, "data"), "init", "--server-name", "example.org"])).code,
    0,
  );
  const stay = `${stubborn ? 'process.on("SIGTERM", () => {});' : ""} setInterval(() => {}, 1e6);`;
  const grandchild = `${reporting(beacon)} ${stay} say({ deep: true });`;
  const program = `${reporting(beacon)} ${stay} say({});
    require("node:child_process").spawn("sh",
      ["-c", '(setsid "$1" -e "$2" &) &', "sh", process.execPath, ${JSON.stringify(grandchild)}], { stdio: "ignore" });`;
  mkdirSync(join(folder, "config"), { mode: 0o700 });
  const path = join(folder, "config", "services.toml");
  writeFileSync(path, stringify({ service: [nodeService("forking", program)] }));
  chmodSync(path, 0o600);
  return folder;
}

/** The daemon's children that bear no mark: its guard. */
async function guardOf(daemon: Daemon): Promise<number> {
  const rows = (await readProcesses()) ?? [];
  const guard = rows.find((row) => row.parent === daemon.child.pid && row.mark === undefined);
  assert.ok(guard, "no guard runs");
  return guard.pid;
}

async function ended(pid: number): Promise<void> {
  while ((await readProcesses())?.some((row) => row.pid === pid)) await setTimeout(50);
}

test("SIGKILL of the daemon leaves no service and no guard behind", { timeout: 30_000 }, async (t) => {
  if (!(await readProcesses())) return t.skip("no /proc here");
  const beacon = await lightBeacon(t);
  const folder = await prepare(t, beacon, true);
  const daemon = await startDaemon(t, folder);
  const reports = [await beacon.next(), await beacon.next()];
  const guard = await guardOf(daemon);
  const report = await askDaemon(join(folder, "data"), { do: "status" });
  // The daemon, its guard, the service and its grandchild.
  assert.equal(report.processes, 4);
  await daemon.kill("SIGKILL");
  await Promise.all(reports.map(({ gone }) => gone));
  await ended(guard);
});

test("what outlived daemon and guard is ended by the next start, before it starts anything", {
  timeout: 30_000,
}, async (t) => {
  if (!(await readProcesses())) return t.skip("no /proc here");
  const beacon = await lightBeacon(t);
  const folder = await prepare(t, beacon);
  const first = await startDaemon(t, folder);
  const orphans = [await beacon.next(), await beacon.next()];
  process.kill(await guardOf(first), "SIGKILL");
  await first.kill("SIGKILL");
  for (const { said } of orphans) process.kill(said.pid, 0);
  const second = await startDaemon(t, folder);
  await Promise.all(orphans.map(({ gone }) => gone));
  const anew = [await beacon.next(), await beacon.next()];
  const guard = await guardOf(second);
  await second.kill("SIGTERM");
  await Promise.all(anew.map(({ gone }) => gone));
  await ended(guard);
});

test("a killed service comes back", { timeout: 30_000 }, async (t) => {
  const beacon = await lightBeacon(t);
  const folder = await prepare(t, beacon);
  const daemon = await startDaemon(t, folder);
  const reports = [await beacon.next(), await beacon.next()];
  const leader = reports.find(({ said }) => said["deep"] === undefined);
  assert.ok(leader);
  process.kill(leader.said.pid, "SIGKILL");
  await Promise.all(reports.map(({ gone }) => gone));
  const { said } = await beacon.next();
  assert.notEqual(said.pid, leader.said.pid);
  await daemon.kill("SIGTERM");
});
