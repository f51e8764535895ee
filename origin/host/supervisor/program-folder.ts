import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkWriters, isWithin, ServicesFileError } from "./trusted-file.ts";

/**
 * Where fetched programs lie: beside the services file, which then names the one to run. Never in the data folder,
 * where a write must not become a command (H7). Makes it for its owner alone. Throws ServicesFileError when it would
 * lie in the data folder, or when others could put a program of theirs there.
 */
export function makeProgramFolder(servicesFile: string, dataDir: string): string {
  const folder = join(dirname(servicesFile), "programs");
  if (isWithin(dataDir, folder)) {
    throw new ServicesFileError([
      `${folder} lies in the data folder, from where nothing is run. Keep the services file elsewhere, for example in ~/.config/burrow/.`,
    ]);
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const path of [dirname(folder), folder]) checkWriters(path, statSync(path));
  return folder;
}
