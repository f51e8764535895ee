/** `npm start` as a newcomer runs it: what it prints, and that however it ends, nothing of it stays. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";

import { freePort } from "../support/origin-process.ts";
import { projectRoot, runBurrow } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

interface Started {
  readonly npm: ChildProcess;
  readonly ready: { event: string; edge: string; origin: string; setup: string | null };
  readonly data: string;
}

const onLinux = { skip: process.platform !== "linux" && "reads /proc" };

/** Starts in a folder with a space, on a data folder with a space: both break careless scripts. */
async function npmStart(t: TestContext, data = join(temporaryFolder(t), "my data")): Promise<Started> {
  const folder = join(temporaryFolder(t), "my burrow");
  symlinkSync(projectRoot, folder);
  const { npm_lifecycle_event: _, ...environment } = process.env;
  const port = String(await freePort());
  const npm = spawn("npm", ["start", "--silent", "--", "--data", data, "--edge-port", port, "--json"], {
    cwd: folder,
    env: environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => killAll(data));
  const lines = createInterface({ input: npm.stdout });
  const [line] = (await Promise.race([once(lines, "line"), once(npm, "exit").then(() => [""])])) as [string];
  assert.notEqual(line, "", "it ended before it was ready");
  return { npm, data, ready: JSON.parse(line) as Started["ready"] };
}

/** Processes whose command line or environment names this data folder: the origin, and all that it started. */
function processesOf(data: string): number[] {
  const origins = readdirSync("/proc").filter(
    (entry) => /^\d+$/.test(entry) && commandOf(entry).includes(data),
  );
  const found = new Set(origins.map(Number));
  for (;;) {
    const children = readdirSync("/proc").filter(
      (entry) => /^\d+$/.test(entry) && !found.has(Number(entry)) && found.has(parentOf(entry)),
    );
    if (children.length === 0) return [...found];
    for (const child of children) found.add(Number(child));
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function parentOf(pid: string): number {
  try {
    return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]);
  } catch {
    return 0;
  }
}

function isAlive(pid: number): boolean {
  try {
    // A zombie is gone for all that matters: only its parent's bookkeeping is left.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

function killAll(data: string): void {
  for (const pid of processesOf(data)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
}

/** Waits until all are gone; fails when something is left after two seconds. */
async function allGone(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + 2_000;
  while (pids.some(isAlive)) {
    const left = pids.filter(isAlive).map((pid) => `${pid} ${commandOf(String(pid)).replaceAll("\0", " ")}`);
    assert.ok(performance.now() < deadline, `still there after 2 s:\n${left.join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

test("npm start is ready with a set-up link, and after the claim without one", onLinux, async (t) => {
  const first = await npmStart(t);
  const { ready, data } = first;
  assert.deepEqual(Object.keys(ready), ["event", "edge", "origin", "setup"]);
  assert.equal(ready.event, "ready");
  assert.match(ready.edge, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.match(ready.setup ?? "", new RegExp(`^${ready.edge}/setup#\\S{20,}$`));
  const page = await fetch(ready.edge);
  assert.equal(page.status, 200);
  assert.equal(
    (await fetch(`${ready.origin}/`)).status,
    401,
    "the origin itself answers nobody but the edge",
  );

  const owner = await runBurrow(["--data", data, "--json", "owner", "create", "ada", "--password-stdin"], {
    input: "seventeen hollow oaks by night\n",
  });
  assert.equal(owner.code, 0, owner.stdout);
  const invite = await runBurrow(["--data", data, "--json", "invite", "create"]);
  assert.ok(
    String(invite.json()["url"]).startsWith(`${ready.edge}/invite#`),
    "the link leads to the running edge",
  );

  const to = new URLSearchParams({ from: "ben@example.org", to: "ada@burrow.localhost" });
  const sent = await fetch(`${ready.edge}/cdn-cgi/local/email?${to.toString()}`, {
    method: "POST",
    body: "From: ben@example.org\r\nMessage-ID: <1@example.org>\r\nSubject: hello\r\n\r\nhello\r\n",
  });
  assert.equal(sent.status, 200);
  assert.equal((await runBurrow(["--data", data, "mail", "drain", "--once"])).code, 0);
  const status = await runBurrow(["--data", data, "--json", "mail", "status"]);
  assert.equal(status.json()["messages"], 1, status.stdout);

  // A second one on the same folder is refused while the first runs.
  const second = await runBurrow(["--data", data, "dev", "--edge-port", "0"]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /Another Burrow \(process \d+\) works on/);

  const pids = processesOf(data);
  assert.ok(pids.length >= 3, `origin, edge and workerd: ${pids.length}`);
  // Ctrl-C reaches the origin twice: from the terminal, and passed on by npm.
  const origin = Math.min(...pids.filter((pid) => commandOf(String(pid)).includes("cli/main")));
  process.kill(origin, "SIGINT");
  first.npm.kill("SIGINT");
  await allGone(pids);

  const again = await npmStart(t, data);
  assert.equal(again.ready.setup, null);
  const more = processesOf(data);
  again.npm.kill("SIGTERM");
  await allGone(more);
});

for (const signal of ["SIGHUP", "SIGKILL"] as const) {
  test(`${signal} of npm stops everything within two seconds`, onLinux, async (t) => {
    const { npm, data } = await npmStart(t);
    const pids = processesOf(data);
    npm.kill(signal);
    await allGone(pids);
  });
}

test("a killed origin takes the edge with it", onLinux, async (t) => {
  const { data } = await npmStart(t);
  const pids = processesOf(data);
  const origin = pids.find((pid) => commandOf(String(pid)).includes("cli/main"));
  assert.ok(origin);
  process.kill(origin, "SIGKILL");
  await allGone(pids);
});

test("a killed edge is told, and stops the origin with exit code 1", onLinux, async (t) => {
  const { npm, data } = await npmStart(t);
  const pids = processesOf(data);
  const edge = pids.find((pid) => commandOf(String(pid)).includes("edge-child"));
  assert.ok(edge);
  const ended = once(npm, "exit");
  process.kill(edge, "SIGKILL");
  assert.deepEqual(await ended, [1, null]);
  await allGone(pids);
});

test("Ctrl-C while it starts stops it too", onLinux, async (t) => {
  const data = join(temporaryFolder(t), "my data");
  const child = spawn(join(projectRoot, "bin", "burrow"), ["--data", data, "dev", "--edge-port", "0"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => killAll(data));
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout }))
    if (line.includes("Starting the edge")) break;
  child.kill("SIGINT");
  await allGone([child.pid ?? 0, ...processesOf(data)]);
  assert.deepEqual(await ended, [0, null]);
});
