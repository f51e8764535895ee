import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ArchiveLimits } from "../archive/archive.ts";
import { flushFolder, type Release } from "./installation.ts";
import { UpdateError } from "./update-error.ts";

const MB = 1_000_000;

/** Some ten times what a release is. */
const limits: ArchiveLimits = {
  archiveBytes: 100 * MB,
  fileBytes: 50 * MB,
  totalBytes: 300 * MB,
  entries: 20_000,
  ratio: 100,
  ratioFrom: 10 * MB,
  depth: 32,
  pathBytes: 1024,
};

/** What every release has; without one of these it is none. */
const needed = ["bin/burrow", "package.json", "package-lock.json", "dist/stamp", "dist/origin/cli/main.js"];

/** What a killed update leaves in the releases' folder. */
export function clearLeftovers(releases: string): void {
  for (const name of readdirSync(releases)) {
    if (name.startsWith(".unpack") || name.startsWith(".old-"))
      rmSync(join(releases, name), { recursive: true, force: true });
  }
}

/**
 * Unpacks a verified archive into `releases/<its version>`, whole with its packages or not at all. Throws UpdateError for
 * what is no release, or is no newer than what runs, and ArchiveError.
 */
export async function unpackRelease(
  archive: string,
  options: {
    releases: string;
    running: Release;
    prepare: (folder: string) => Promise<void>;
  },
): Promise<Release> {
  const { releases, running, prepare } = options;
  const work = join(releases, ".unpack");
  try {
    // Loaded here: every other command would carry it, too.
    const { extractArchive } = await import("../archive/archive.ts");
    await extractArchive(archive, work, limits, { format: "tar.gz" });
    const [top = "", ...others] = readdirSync(work);
    const folder = join(work, top);
    const missing = needed.filter((path) => !existsSync(join(folder, path)));
    if (others.length > 0 || missing.length > 0)
      throw new UpdateError(`This archive is no release of Burrow: ${missing[0] ?? others[0]}.`);
    const version = readVersion(folder);
    if (compareVersions(version, running.version) <= 0) {
      throw new UpdateError(
        version === running.version
          ? `Version ${version} is installed already.`
          : `Version ${version} is older than ${running.version}, which is installed. "burrow update --rollback" returns to the one before.`,
      );
    }
    chmodSync(join(folder, "bin", "burrow"), 0o755);
    await prepare(folder);
    const place = join(releases, version);
    // From an update that was given up; what runs has another version.
    if (existsSync(place)) renameSync(place, join(releases, `.old-${version}`));
    renameSync(folder, place);
    flushFolder(releases);
    return { path: `releases/${version}`, version };
  } finally {
    clearLeftovers(releases);
  }
}

function readVersion(folder: string): string {
  const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    name?: unknown;
    version?: unknown;
  };
  // It becomes a folder's name.
  if (name !== "burrow" || typeof version !== "string" || !/^\d{1,5}\.\d{1,5}\.\d{1,5}$/.test(version))
    throw new UpdateError("This archive is no release of Burrow: its package.json names another program.");
  return version;
}

function compareVersions(one: string, other: string): number {
  const [a, b] = [one.split(".").map(Number), other.split(".").map(Number)];
  for (const index of [0, 1, 2]) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
