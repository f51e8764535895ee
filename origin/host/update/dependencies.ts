import { spawn } from "node:child_process";
import { constants, existsSync, readFileSync } from "node:fs";
import { copyFile, link, mkdir, readdir, readlink, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { UpdateError } from "./update-error.ts";

/** What a release needs besides itself: makes `<release>/node_modules`. */
export type InstallDependencies = (release: string, running: string) => Promise<void>;

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
}

/**
 * The packages that run in production, by their place. What the lock says of each is compared as a whole: the same
 * version with another hash is another package.
 */
function lockedPackages(root: string): Map<string, Locked> {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, Locked>;
  };
  return new Map(Object.entries(packages).filter(([place, { dev }]) => place !== "" && dev !== true));
}

/**
 * Takes the packages of the version that runs where the lock asks for the very same, and npm's otherwise: it verifies
 * each against the lock's hash, and the lock came with the verified release. No install script runs.
 */
export const installDependencies: InstallDependencies = async (release, running) => {
  const wanted = lockedPackages(release);
  const isSame = isDeepStrictEqual(wanted, lockedPackages(running));
  if (isSame && existsSync(join(running, "node_modules")))
    await linkPackages(release, running, wanted.keys());
  else await runNpm(release);
};

/** Hard links, since nobody changes a package in place: 200 MB less on a phone. Copies where links are refused. */
async function linkPackages(release: string, running: string, places: Iterable<string>): Promise<void> {
  for (const place of places) {
    // Those of other platforms are locked too, and not there.
    if (existsSync(join(running, place))) await linkFolder(join(running, place), join(release, place));
  }
  const bin = join("node_modules", ".bin");
  for (const name of await readdir(join(running, bin)).catch(() => [])) {
    const target = await readlink(join(running, bin, name)).catch(() => undefined);
    if (target === undefined || !existsSync(join(release, bin, target))) continue;
    await mkdir(join(release, bin), { recursive: true });
    // Without it bin/burrow takes the machine's own Node.
    await symlink(target, join(release, bin, name)).catch(() => undefined);
  }
}

async function linkFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    // A package's own packages have places of their own in the lock.
    if (entry.name === "node_modules") continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await linkFolder(source, target);
    else if (entry.isFile()) await linkFile(source, target);
  }
}

async function linkFile(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    await mkdir(dirname(to), { recursive: true });
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  }
}

async function runNpm(release: string): Promise<void> {
  const words = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"];
  const child = spawn("npm", words, { cwd: release, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2_000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("close", resolve);
    child.once("error", reject);
  }).catch(() => null);
  if (code === 0) return;
  throw new UpdateError(
    `The new version needs other packages, and "npm ci" could not install them. Nothing has changed. ${said.trim()}`,
  );
}
