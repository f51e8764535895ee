import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve } from "node:path";

/** What says which programs run cannot be trusted or understood. `problems` has all of them, one sentence each. */
export class ServicesFileError extends Error {
  override name = "ServicesFileError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/**
 * The text of a file that decides what is run (H7): outside the data folder, ours or root's, and nobody else may
 * write to it or put another in its place. Undefined when there is none. Throws ServicesFileError.
 */
export function readTrustedFile(
  path: string,
  options: { dataDir: string; secret?: boolean },
): string | undefined {
  let file: number;
  try {
    // Opened first, looked at afterwards: what is read is what was checked.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new ServicesFileError([`${path} cannot be read: ${(error as Error).message}.`]);
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new ServicesFileError([`${path} is not a file.`]);
    const real = realpathSync(path);
    if (isWithin(options.dataDir, real)) {
      throw new ServicesFileError([
        `${path} lies in the data folder: whoever may write there could run any program. Move it, for example to ~/.config/burrow/.`,
      ]);
    }
    checkWriters(path, found);
    if (options.secret && (found.mode & 0o077) !== 0) {
      throw new ServicesFileError([`${path} can be read by other users. Run: chmod 600 "${path}"`]);
    }
    for (const folder of new Set([dirname(resolve(path)), dirname(real)])) {
      checkWriters(folder, statSync(folder));
    }
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** Throws ServicesFileError unless only its owner may write to it, and the owner is this user or root. */
export function checkWriters(path: string, found: { mode: number; uid: number }): void {
  const self = process.getuid?.();
  if (self !== undefined && found.uid !== self && found.uid !== 0) {
    throw new ServicesFileError([
      `${path} belongs to the user ${found.uid}, and Burrow runs as ${self}. Only files of its own user or of root decide what it runs.`,
    ]);
  }
  if ((found.mode & 0o022) !== 0) {
    throw new ServicesFileError([`Other users may write to ${path}. Run: chmod go-w "${path}"`]);
  }
}

/** Whether a path, links followed as far as it is there, lies in the folder. */
export function isWithin(folder: string, path: string): boolean {
  const step = relative(realPath(folder), realPath(path));
  return step === "" || (!step.startsWith("..") && !isAbsolute(step));
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : resolve(realPath(above), relative(above, path));
  }
}
