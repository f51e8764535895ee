/** Installations of made-up versions: the real tree, built and packed as a release is, with what a test changes in it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  cpSync,
  createWriteStream,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { createArchiveWriter } from "../../../origin/host/archive/archive.ts";
import type { Running } from "../../../origin/host/data-lock.ts";
import type { InstallDependencies } from "../../../origin/host/update/dependencies.ts";
import { makeRelease } from "../../../tools/release.ts";
import { projectRoot } from "../../support/run-burrow.ts";

export interface Built {
  /** The release's folder, unpacked. */
  readonly folder: string;
  readonly version: string;
  remove(): void;
}

/** Builds the tree once; the versions of a test are copies of this. */
export async function buildOnce(): Promise<Built> {
  const work = mkdtempSync(join(tmpdir(), "burrow test "));
  const { file, version } = await makeRelease(projectRoot, work);
  // As an owner does it, and so the archive proves itself to others' tar.
  const tar = spawn("tar", ["-xzf", file, "-C", work], { stdio: "inherit" });
  assert.deepEqual(await once(tar, "close"), [0, null]);
  return {
    folder: join(work, `burrow-${version}`),
    version,
    remove: () => rmSync(work, { recursive: true, force: true }),
  };
}

/** Tests have no registry: every version gets the tree's packages. */
export const linkPackages: InstallDependencies = async (release) => {
  symlinkSync(join(projectRoot, "node_modules"), join(release, "node_modules"));
};

/** An installation of the built version, as `tar` and `npm ci` leave it. */
export async function install(built: Built, folder: string): Promise<string> {
  cpSync(built.folder, folder, { recursive: true });
  await linkPackages(folder, "");
  return folder;
}

/** What a version has changed: a file of the release and how. */
export type Edit = (read: (path: string) => string, write: (path: string, text: string) => void) => void;

/** It migrates: the members' database gets one more step. */
export const migrates: Edit = (read, write) => {
  const path = "dist/origin/members/migrations.js";
  const migrated = read(path).replace(
    /\];\s*$/,
    '  { name: "of a later version", sql: "CREATE TABLE later (id INTEGER) STRICT;" },\n];\n',
  );
  assert.notEqual(migrated, read(path));
  write(path, migrated);
};

/** It passes its trial, and when it matters it ends soon after it has said that it runs, however long that took. */
export const diesInEarnest: Edit = (read, write) => {
  const path = "dist/origin/cli/main.js";
  const dies = `import { readFileSync as readOwn } from "node:fs";
const said = () => JSON.parse(readOwn(process.argv[process.argv.indexOf("--data") + 1] + "/running.json", "utf8"));
if (process.argv.includes("up") && !process.argv.includes("--trial"))
  setInterval(() => {
    try {
      if (said().pid === process.pid) setTimeout(() => process.exit(3), 300);
    } catch {}
  }, 20);`;
  write(path, `${dies}\n${read(path)}`);
};

export const doesNotStart: Edit = (_read, write) =>
  write("dist/origin/main.js", 'throw new Error("this version is broken");\n');

/** A release of another version with these changes; its archive and hash. */
export async function makeVersion(
  built: Built,
  version: string,
  folder: string,
  edits: readonly Edit[] = [],
): Promise<{ file: string; sha256: string }> {
  const tree = mkdtempSync(join(folder, "version-"));
  cpSync(built.folder, tree, { recursive: true });
  const read = (path: string) => readFileSync(join(tree, path), "utf8");
  const write = (path: string, text: string) => writeFileSync(join(tree, path), text);
  for (const edit of [setVersion(version), ...edits]) edit(read, write);
  const file = `${tree}.tgz`;
  const writer = createArchiveWriter("tar.gz", createWriteStream(file));
  for (const entry of readdirSync(tree, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = readFileSync(path);
    const name = `burrow/${path.slice(tree.length + 1)}`;
    await writer.addFile(name, content, content.byteLength, { mtime: new Date(0) });
  }
  await writer.finish();
  rmSync(tree, { recursive: true });
  return { file, sha256: createHash("sha256").update(readFileSync(file)).digest("hex") };
}

const setVersion =
  (version: string): Edit =>
  (read, write) =>
    write("package.json", read("package.json").replace(/"version": "[^"]+"/, `"version": "${version}"`));

export interface Daemon {
  readonly running: Running;
  stop(): Promise<void>;
}

/** Starts `command` until it is ready. Rejects with what it said when it does not become so. */
async function startDaemon(
  command: readonly string[],
  dataDir: string,
): Promise<Daemon & { ended: Promise<unknown> }> {
  const [program = "", ...words] = command;
  const child = spawn(program, [...words, "--data", dataDir, "--json", "up", "--allow-root"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = once(child, "close");
  const lines = createInterface({ input: child.stdout });
  const [line = ""] = (await Promise.race([once(lines, "line"), ended.then(() => [])])) as [string?];
  if (!line.includes('"ready"')) {
    child.kill("SIGKILL");
    throw new Error(`did not start: ${line} ${said}`);
  }
  child.stdout.resume();
  const running = JSON.parse(readFileSync(join(dataDir, "running.json"), "utf8")) as Running;
  return {
    running,
    ended,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** Starts an installation as a person would. */
export async function up(installation: string, dataDir: string): Promise<Daemon> {
  return await startDaemon([join(installation, "bin", "burrow")], dataDir);
}

/** Stands in for a service manager: starts it, and starts it again whenever it ended. */
export async function keepUp(
  t: { after(work: () => unknown): void },
  command: readonly string[],
  dataDir: string,
): Promise<Daemon> {
  let isKept = true;
  let daemon = await startDaemon(command, dataDir);
  const { running } = daemon;
  const keeping = (async () => {
    for (let left = 10; left > 0; left -= 1) {
      await daemon.ended;
      if (!isKept) return;
      // One that ends before it is ready has ended all the same, and is started once more.
      const next = await startDaemon(command, dataDir).catch(() => undefined);
      if (next) daemon = next;
      if (!isKept) await daemon.stop();
    }
  })();
  keeping.catch(() => undefined);
  const stop = async () => {
    isKept = false;
    await daemon.stop();
    await keeping.catch(() => undefined);
  };
  t.after(stop);
  return { running, stop };
}
