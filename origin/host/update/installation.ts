import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UpdateError } from "./update-error.ts";

/** One of the versions that are installed side by side. */
export interface Release {
  /** Its folder from the installation's: `.` (what was unpacked first) or `releases/0.2.0`. */
  readonly path: string;
  readonly version: string;
}

/** The last change of version: what a start needs to know to put the data right for the version that starts. */
export interface Change {
  /** `switched`: not yet seen healthy. `confirmed`: seen. `rolled-back`: `from` runs again. */
  readonly state: "switched" | "confirmed" | "rolled-back";
  readonly from: Release;
  readonly to: Release;
  /** The data folder that it was made for. */
  readonly dataDir: string;
  /** The databases whose schema `to` raises, and their schemas before. */
  readonly migrates: Readonly<Record<string, number>>;
  /** Unix milliseconds. */
  readonly at: number;
}

/** The folder that holds the versions: the one whose bin/burrow the service manager starts. */
export function findInstallation(programRoot: string): string {
  const above = dirname(programRoot);
  return basename(above) === "releases" ? dirname(above) : programRoot;
}

function currentFile(installation: string): string {
  return join(installation, "current");
}

/** Undefined: no update was ever made here. Throws UpdateError for a file that is not ours. */
export function readChange(installation: string): Change | undefined {
  const path = currentFile(installation);
  if (!existsSync(path)) return undefined;
  const [, note = ""] = readFileSync(path, "utf8").split("\n");
  if (note === "") return undefined;
  try {
    return JSON.parse(note) as Change;
  } catch (error) {
    throw new UpdateError(
      `The second line of ${path} is damaged. Delete that line; the first says what runs.`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Records a change and, by the same rename, makes its version the one that bin/burrow starts: a kill before it changes
 * nothing, a kill after it undoes nothing. A text file instead of a link: some phones' storage has no links.
 */
export function writeChange(installation: string, change: Change): void {
  const release = change.state === "rolled-back" ? change.from : change.to;
  const path = currentFile(installation);
  writeFileSync(`${path}.new`, `${release.path}\n${JSON.stringify(change)}\n`, { mode: 0o644, flush: true });
  renameSync(`${path}.new`, path);
  flushFolder(installation);
}

/** After this a rename in the folder outlives a power cut. */
export function flushFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Where an update keeps what it needs of a data folder: copies, the trial, what it set aside. */
export function updateFolder(dataDir: string): string {
  return join(dataDir, "update");
}

/** The databases as they were before this version, of those that it migrates. */
export function beforeFolder(dataDir: string, version: string): string {
  return join(updateFolder(dataDir), `before-${version}`);
}

/** The databases as this version left them, where a return put older ones in their place. */
export function afterFolder(dataDir: string, version: string): string {
  return join(updateFolder(dataDir), `after-${version}`);
}
