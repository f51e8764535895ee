import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "../../app.ts";
import { ok, warning } from "./check.ts";

/** The data folder and what lies directly in it and in its folders: nothing of it is anybody else's to read. */
export function checkModes(dataDir: string): Check {
  // Where nobody else may enter the folder, what is in it needs no modes of its own.
  if ((lstatSync(dataDir).mode & 0o077) === 0)
    return ok("modes", "The data folder is closed to other users.");
  const open = [dataDir, ...listTwoDeep(dataDir)].filter((path) => isOpen(path));
  return warning(
    "modes",
    `Other users may look into ${dataDir}, and ${open.length - 1} files or folders in it are open.`,
    {
      why: "Messages and files lie there as their members wrote them.",
      mend: `chmod 700 "${dataDir}"`,
    },
  );
}

function listTwoDeep(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [path, ...readdirSync(path).map((name) => join(path, name))] : [path];
  });
}

function isOpen(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && !found.isSymbolicLink() && (found.mode & 0o077) !== 0;
}
