import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of package.json. This file is in origin/host/ of the sources, and in dist/origin/host/ when built. */
export const projectRoot = findRoot();

/** The version of the code that runs, whatever lies on the disk by now. */
export const runningVersion = (
  JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as { version: string }
).version;

function findRoot(): string {
  const above = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  return above.endsWith("/dist") ? dirname(above) : above;
}
