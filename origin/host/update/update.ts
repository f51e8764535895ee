import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import type { Config } from "../../config/config.ts";
import { DataLockError, findRunning, lockDataFolder, type Running } from "../data-lock.ts";
import type { InstallDependencies } from "./dependencies.ts";
import {
  afterFolder,
  beforeFolder,
  type Change,
  readChange,
  type Release,
  updateFolder,
  writeChange,
} from "./installation.ts";
import { keepBefore } from "./settle.ts";
import { tryRelease } from "./trial.ts";
import { clearLeftovers, unpackRelease } from "./unpack-release.ts";
import { UpdateError } from "./update-error.ts";
import { type Patience, type StartFault, watchStart } from "./watch-start.ts";

/** What is about to be done; a kill before, in or after any of these leaves a version that works. */
export type UpdateStep = "unpack" | "packages" | "try" | "switch" | "restart" | "confirm" | "roll back";

export interface Updating {
  /** The folder whose bin/burrow the service manager starts. */
  readonly installation: string;
  /** The version that does this: its folder and its number. */
  readonly running: { readonly root: string; readonly version: string };
  readonly config: Config;
  /** Makes the daemon end, so that whatever keeps it running starts it anew. */
  readonly restart: (running: Running) => Promise<void>;
  readonly patience: Patience;
  readonly onStep?: (step: UpdateStep) => void;
}

export interface Updated {
  readonly from: string;
  readonly to: string;
  /** `running`: the daemon was seen to run it. `trial`: no daemon runs; it ran on a copy of the data. */
  readonly seen: "running" | "trial";
}

/** Where versions are unpacked. The lock in it is the updates'. */
export function releasesFolder(installation: string): string {
  const folder = join(installation, "releases");
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** One update at a time; the kernel drops the lock with its process. Throws UpdateError. */
export async function withUpdateLock<T>(installation: string, work: () => Promise<T>): Promise<T> {
  let lock: { release(): void };
  try {
    lock = lockDataFolder(releasesFolder(installation));
  } catch (error) {
    if (!(error instanceof DataLockError)) throw error;
    throw new UpdateError("Another update is under way. Wait for it.", { cause: error });
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/**
 * Updates to the release in a verified archive (K6): unpacked beside what runs, tried on a copy of the data, switched to,
 * and seen running, or undone. The caller holds the update lock. Throws UpdateError saying what runs now; ArchiveError,
 * BackupError and what the disk throws only before anything was changed.
 */
export async function updateTo(
  archive: string,
  options: Updating & { readonly installDependencies: InstallDependencies },
): Promise<Updated> {
  const { installation, running, config, patience, onStep } = options;
  const releases = releasesFolder(installation);
  clearLeftovers(releases);
  const from: Release = {
    path: relative(installation, running.root).replaceAll("\\", "/") || ".",
    version: running.version,
  };
  onStep?.("unpack");
  const to = await unpackRelease(archive, {
    releases,
    running: from,
    prepare: async (folder) => {
      onStep?.("packages");
      await options.installDependencies(folder, running.root);
    },
  });
  onStep?.("try");
  const migrates = await tryRelease({
    release: join(installation, to.path),
    version: to.version,
    config,
    startMs: patience.startMs,
  });
  const dataDir = realpathSync(config.dataDir);
  const change: Change = { state: "switched", from, to, dataDir, migrates, at: Date.now() };
  onStep?.("switch");
  rmSync(beforeFolder(dataDir, to.version), { recursive: true, force: true });
  // Once more at its first start; but another command may open a database before that.
  await keepBefore(change);
  // All of the new version is on the disk before its name is.
  spawnSync("sync");
  writeChange(installation, change);
  return await confirm(change, options);
}

/** Goes on with an update that was cut short after the switch; undefined where there is none for this version. */
export async function resumeUpdate(options: Updating): Promise<Updated | undefined> {
  const change = readChange(options.installation);
  const isOurs = change?.dataDir === realpathSync(options.config.dataDir);
  if (!change || !isOurs || change.state !== "switched" || change.to.version !== options.running.version)
    return undefined;
  return await confirm(change, options);
}

async function confirm(change: Change, options: Updating): Promise<Updated> {
  const { installation, config, patience, onStep } = options;
  const { from, to } = change;
  const before = findRunning(config.dataDir);
  // Its first start keeps the copies and migrates; until it is seen, the return stays open.
  if (!before) return { from: from.version, to: to.version, seen: "trial" };
  onStep?.("restart");
  await options.restart(before);
  const { fault, running } = await watchStart(config, to.version, before, patience);
  if (fault !== undefined) await undo(change, options, fault, running);
  onStep?.("confirm");
  writeChange(installation, { ...change, state: "confirmed" });
  removeOld(installation, change);
  return { from: from.version, to: to.version, seen: "running" };
}

const faults: Readonly<Record<StartFault, string>> = {
  absent: "it did not start within the time given, or nothing started it",
  version:
    "another version started: whatever starts Burrow does not go by this installation's bin/burrow. Make it do so",
  ill: "it started and does not answer as it should",
};

async function undo(
  change: Change,
  options: Updating,
  fault: StartFault,
  running: Running | undefined,
): Promise<never> {
  const { from, to } = change;
  const seen = await returnTo(change, options, fault === "version" ? undefined : running);
  const now =
    seen || fault === "version" ? `${from.version} runs again` : `${from.version} runs at the next start`;
  throw new UpdateError(
    `Version ${to.version} was taken back (${faults[fault]}); ${now}. "burrow doctor" and the log tell more.`,
  );
}

/** True when the version before was then seen running. */
async function returnTo(change: Change, options: Updating, running: Running | undefined): Promise<boolean> {
  const { installation, config, patience, onStep } = options;
  onStep?.("roll back");
  rmSync(afterFolder(change.dataDir, change.to.version), { recursive: true, force: true });
  writeChange(installation, { ...change, state: "rolled-back" });
  // What runs may have ended by itself meanwhile: then there is nothing to end.
  const now = findRunning(config.dataDir);
  if (now && now.version === change.from.version) return true;
  if (now) await options.restart(now);
  const { fault } = await watchStart(config, change.from.version, now ?? running, patience);
  return fault === undefined;
}

/** What a return would do; throws UpdateError where there is nothing to return to. */
export function planReturn(options: Pick<Updating, "installation" | "config">): Change {
  const change = readChange(options.installation);
  if (!change || change.state === "rolled-back" || change.dataDir !== realpathSync(options.config.dataDir))
    throw new UpdateError("There is no update to take back.");
  return change;
}

/** Returns to the version before, with the databases that it can read. True when it was then seen running. */
export async function rollBack(options: Updating): Promise<boolean> {
  const change = planReturn(options);
  return await returnTo(change, options, undefined);
}

/** Keeps the version that runs, the one before and what was unpacked first; and of the data the last copies only. */
function removeOld(installation: string, { from, to, dataDir }: Change): void {
  const releases = releasesFolder(installation);
  const kept = new Set([from.path, to.path].map((path) => path.replace("releases/", "")));
  for (const entry of readdirSync(releases, { withFileTypes: true })) {
    if (entry.isDirectory() && !kept.has(entry.name))
      rmSync(join(releases, entry.name), { recursive: true, force: true });
  }
  const copies = updateFolder(dataDir);
  for (const name of readdirSync(copies))
    if (name !== `before-${to.version}`) rmSync(join(copies, name), { recursive: true, force: true });
}
