import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";

import { readConfig } from "../../../origin/config/read-config.ts";
import { readEdgeKeys } from "../../../origin/config/secrets.ts";
import { findRunning, type Running } from "../../../origin/host/data-lock.ts";
import { askDaemon } from "../../../origin/host/ask-daemon.ts";
import { schemaOf } from "../../../origin/host/update/settle.ts";
import { hashBeside, takeRelease } from "../../../origin/host/update/take-release.ts";
import { unpackRelease } from "../../../origin/host/update/unpack-release.ts";
import { UpdateError } from "../../../origin/host/update/update-error.ts";
import {
  resumeUpdate,
  rollBack,
  updateTo,
  type Updating,
  withUpdateLock,
} from "../../../origin/host/update/update.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import {
  buildOnce,
  type Built,
  diesInEarnest,
  doesNotStart,
  type Edit,
  install,
  keepUp,
  linkPackages,
  makeVersion,
  migrates,
  up,
} from "./installations.ts";

let built: Built;
let claimed: string;
before(async () => {
  built = await buildOnce();
  claimed = join(built.folder, "..", "claimed");
  const home = await install(built, join(built.folder, "..", "home"));
  await run(home, claimed, "init", "--server-name", "example.org");
  await run(home, claimed, "owner", "create", "ada", "--password-stdin");
});
after(() => built.remove());

async function run(home: string, data: string, ...words: string[]): Promise<string> {
  const child = spawn(join(home, "bin", "burrow"), ["--data", data, ...words], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.end("seventeen hollow oaks by night\n");
  const [text] = await Promise.all([child.stdout.toArray(), once(child, "close")]);
  return text.join("");
}

const later = "77.0.0";

interface Scene {
  readonly home: string;
  readonly data: string;
  readonly updating: Updating & { installDependencies: typeof linkPackages };
  readonly burrow: (...words: string[]) => Promise<string>;
  readonly version: (edits: readonly Edit[]) => Promise<string>;
}

/** An installation with a claimed data folder. */
async function set(t: TestContext): Promise<Scene> {
  const folder = temporaryFolder(t);
  const home = await install(built, join(folder, "home"));
  const data = join(folder, "d");
  cpSync(claimed, data, { recursive: true });
  // A copy gets the folders' usual modes.
  for (const path of [data, join(data, "secrets")]) chmodSync(path, 0o700);
  return {
    home,
    data,
    burrow: (...words) => run(home, data, ...words),
    version: async (edits) => (await makeVersion(built, later, folder, edits)).file,
    updating: {
      installation: home,
      running: { root: home, version: built.version },
      config: readConfig({ dataDir: data, environment: {} }),
      restart: async ({ pid }) => void process.kill(pid, "SIGTERM"),
      patience: { startMs: 20_000, steadyMs: 300 },
      installDependencies: linkPackages,
    },
  };
}

const current = (home: string): string | undefined =>
  existsSync(join(home, "current")) ? readFileSync(join(home, "current"), "utf8").split("\n")[0] : undefined;

async function health(data: string, { listen }: Running): Promise<number | undefined> {
  const edgeKey = readEdgeKeys(data)[0] ?? "";
  return (await askDaemon({ listen, edgeKey, host: "example.org", path: "/health", timeoutMs: 5_000 }))
    ?.status;
}

const members = (data: string): string => join(data, "databases", "members.db");

test("an update is tried, switched to, seen running; and taken back with the data", async (t) => {
  const { home, data, burrow, version, updating } = await set(t);
  const schema = schemaOf(members(data));
  await keepUp(t, [join(home, "bin", "burrow")], data);
  const steps: string[] = [];
  const outcome = await updateTo(await version([migrates]), {
    ...updating,
    onStep: (step) => steps.push(step),
  });
  assert.deepEqual(outcome, { from: built.version, to: later, seen: "running" });
  assert.deepEqual(steps, ["unpack", "packages", "try", "switch", "restart", "confirm"]);
  assert.equal(findRunning(data)?.version, later);
  assert.equal(await burrow("--version"), `${later}\n`);
  assert.equal(current(home), `releases/${later}`);
  assert.equal(schemaOf(members(data)), schema + 1);
  assert.equal(schemaOf(join(data, "update", `before-${later}`, "members.db")), schema);
  assert.match(await burrow("member", "list"), /ada/);
  assert.deepEqual(readdirSync(join(home, "releases")), [later]);

  const running = { root: join(home, "releases", later), version: later };
  assert.equal(await rollBack({ ...updating, running }), true);
  assert.equal(findRunning(data)?.version, built.version);
  assert.equal(current(home), ".");
  assert.equal(schemaOf(members(data)), schema);
  assert.equal(schemaOf(join(data, "update", `after-${later}`, "members.db")), schema + 1);
  assert.match(await burrow("member", "list"), /ada/);
  await assert.rejects(rollBack({ ...updating, running }), /no update to take back/);
});

test("a version that falls ill is taken back, and the one before runs on its data", async (t) => {
  const { home, data, burrow, version, updating } = await set(t);
  const schema = schemaOf(members(data));
  await keepUp(t, [join(home, "bin", "burrow")], data);
  const archive = await version([migrates, diesInEarnest]);
  const patience = { startMs: 20_000, steadyMs: 1_000 };
  await assert.rejects(updateTo(archive, { ...updating, patience }), (error) => {
    assert.ok(error instanceof UpdateError);
    assert.match(error.message, /was taken back .* runs again/);
    return true;
  });
  const running = findRunning(data);
  assert.equal(running?.version, built.version);
  assert.equal(await health(data, running), 200);
  assert.deepEqual([current(home), schemaOf(members(data))], [".", schema]);
  assert.match(await burrow("member", "list"), /ada/);
});

test("an update that changes nothing of what runs is no update", async (t) => {
  const { home, data, version, updating } = await set(t);
  // Started past bin/burrow: files on the disk may say what they want.
  await keepUp(t, [process.execPath, join(home, "dist", "origin", "cli", "main.js")], data);
  await assert.rejects(
    updateTo(await version([]), updating),
    /another version started: whatever starts Burrow/,
  );
  assert.equal(current(home), ".");
  assert.equal(findRunning(data)?.version, built.version);
});

test("a version that does not start is never switched to, and nobody is disturbed", async (t) => {
  const { home, data, version, updating } = await set(t);
  const { running } = await keepUp(t, [join(home, "bin", "burrow")], data);
  await assert.rejects(
    updateTo(await version([doesNotStart]), updating),
    /does not run on a copy of your data, so nothing was changed\. It said: .*this version is broken/s,
  );
  assert.equal(current(home), undefined);
  assert.deepEqual(findRunning(data), running);
  assert.deepEqual(readdirSync(join(data, "update")), []);
});

test("without a daemon the trial counts, and the next start is the new version's first", async (t) => {
  const { home, data, burrow, version, updating } = await set(t);
  const schema = schemaOf(members(data));
  assert.equal((await updateTo(await version([migrates]), updating)).seen, "trial");
  // A command may come before that start, and migrate: the way back is open all the same.
  await burrow("member", "list");
  assert.equal(schemaOf(members(data)), schema + 1);
  assert.equal(schemaOf(join(data, "update", `before-${later}`, "members.db")), schema);
  const daemon = await up(home, data);
  assert.equal(daemon.running.version, later);
  await daemon.stop();
});

test("a SIGKILL at any step leaves a version that works, with all data", async (t) => {
  const { home, data, burrow, version, updating } = await set(t);
  const archive = await version([migrates]);
  const entry = fileURLToPath(new URL("update-child.ts", import.meta.url));
  const killAt = async (step: string) => {
    const child = spawn(process.execPath, [entry, home, built.version, data, archive, step], {
      stdio: "inherit",
    });
    assert.deepEqual(await once(child, "close"), [null, "SIGKILL"], step);
  };
  for (const step of ["unpack", "packages", "try", "switch"]) {
    await killAt(step);
    assert.equal(current(home), undefined, step);
  }
  await keepUp(t, [join(home, "bin", "burrow")], data);
  // Switched, and nobody restarted anything: the old one goes on.
  await killAt("restart");
  const old = findRunning(data);
  assert.equal(old?.version, built.version);
  assert.equal(await health(data, old), 200);
  assert.equal(current(home), `releases/${later}`);
  // The same update again sees it through.
  const running = { root: join(home, "releases", later), version: later };
  assert.deepEqual(await resumeUpdate({ ...updating, running }), {
    from: built.version,
    to: later,
    seen: "running",
  });
  assert.equal(findRunning(data)?.version, later);
  assert.match(await burrow("member", "list"), /ada/);
  assert.ok(existsSync(join(data, "update", `before-${later}`, "members.db")));
});

test("what is no release, or no newer one, is refused", async (t) => {
  const folder = temporaryFolder(t);
  const releases = join(folder, "releases");
  mkdirSync(releases);
  const unpack = (archive: string, version = built.version) =>
    unpackRelease(archive, { releases, running: { path: ".", version }, prepare: async () => {} });
  const { file } = await makeVersion(built, later, folder);
  const renamed: Edit = (read, write) =>
    write("package.json", read("package.json").replace('"name": "burrow"', '"name": "barrow"'));
  const other = await makeVersion(built, later, folder, [renamed]);
  const wandering = await makeVersion(built, "78.0.0/../../x", folder);
  writeFileSync(join(folder, "nonsense"), "this is no archive");
  await assert.rejects(unpack(file, "78.0.0"), /older than/);
  await assert.rejects(unpack(file, later), /installed already/);
  await assert.rejects(unpack(other.file), /names another program/);
  await assert.rejects(unpack(wandering.file), /names another program/);
  await assert.rejects(unpack(join(folder, "nonsense")), /archive is refused/);
  assert.deepEqual(readdirSync(releases), []);
  assert.deepEqual(await unpack(file), { path: `releases/${later}`, version: later });
});

test("the archive must be what its hash names", async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, "burrow.tgz");
  const target = join(folder, "incoming.tgz");
  writeFileSync(file, "a release");
  const sha256 = createHash("sha256").update("a release").digest("hex");
  await assert.rejects(
    takeRelease(file, "0".repeat(64), target),
    /is not the release that its SHA-256 names/,
  );
  assert.ok(!existsSync(target));
  await takeRelease(file, sha256, target);
  assert.equal(readFileSync(target, "utf8"), "a release");
  assert.equal(hashBeside(file), undefined);
  writeFileSync(`${file}.sha256`, `${sha256}  burrow.tgz\n`);
  assert.equal(hashBeside(file), sha256);
});

test("one update at a time", async (t) => {
  const home = temporaryFolder(t);
  await withUpdateLock(home, async () => {
    await assert.rejects(
      withUpdateLock(home, async () => {}),
      /Another update is under way/,
    );
  });
  await withUpdateLock(home, async () => {});
});
