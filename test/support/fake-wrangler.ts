import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { temporaryFolder } from "./temporary-folder.ts";

export interface Desk {
  readonly environment: NodeJS.ProcessEnv;
  /** What wrangler was told: its words, and what came by standard input. */
  readonly told: () => { words: string[]; input: string }[];
}

/** A machine with a `wrangler` on its PATH, which fails for the secrets that it is told of. */
export function openDesk(t: Pick<TestContext, "after">, failing = ""): Desk {
  const folder = temporaryFolder(t);
  const bin = join(folder, "bin");
  const file = join(folder, "told");
  mkdirSync(bin);
  writeFileSync(file, "");
  const program = `const words = process.argv.slice(2);
    const input = require("node:fs").readFileSync(0, "utf8");
    require("node:fs").appendFileSync(${JSON.stringify(file)}, JSON.stringify({ words, input }) + "\\n");
    if (words[2] === ${JSON.stringify(failing)}) { console.error("not logged in"); process.exit(1); }`;
  writeFileSync(join(bin, "wrangler.cjs"), program);
  writeFileSync(
    join(bin, "wrangler"),
    `#!/bin/sh\nexec "${process.execPath}" "${join(bin, "wrangler.cjs")}" "$@"\n`,
    { mode: 0o700 },
  );
  const lines = (): string[] => readFileSync(file, "utf8").split("\n").filter(Boolean);
  return {
    environment: { PATH: `${bin}:${process.env["PATH"]}` },
    told: () => lines().map((line) => JSON.parse(line) as { words: string[]; input: string }),
  };
}
