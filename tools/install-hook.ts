import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

const mark = "# Written by tools/leak-scan.ts --install-hook.";

/** Git runs it in the top folder of the work tree. Without Node the commit is refused, not waved through. */
const hook = `#!/bin/sh
${mark}
# Refuses a commit that would publish a secret, an address or the name of a server.
exec node_modules/.bin/node tools/leak-scan.ts --staged
`;

/** Writes the pre-commit hook of the repository, and says so. Throws when another hook is there. */
export function installHook(root: string): string {
  const path = resolve(
    root,
    execFileSync("git", ["rev-parse", "--git-path", "hooks/pre-commit"], {
      cwd: root,
      encoding: "utf8",
    }).trim(),
  );
  if (existsSync(path) && !readFileSync(path, "utf8").includes(mark)) {
    throw new Error(
      `${path} is there already. Add to it: node_modules/.bin/node tools/leak-scan.ts --staged`,
    );
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, hook, { mode: 0o755 });
  return `Wrote ${path}: git runs the leak scan before every commit.`;
}
