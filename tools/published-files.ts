import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { readFile } from "../origin/config/read-file.ts";

export interface PublishedFile {
  readonly file: string;
  readonly content: string;
}

/** The index's content for what is in it; new files as they lie there, unless git ignores them. */
export function* publishedFiles(): Generator<PublishedFile> {
  yield* fromIndex(list("ls-files", "-z", "--cached"));
  for (const file of list("ls-files", "-z", "--others", "--exclude-standard")) {
    yield { file, content: readFileSync(file, "utf8") };
  }
}

/** What the next commit adds or changes. The work tree may differ: only the index is what gets published. */
export function stagedFiles(): Generator<PublishedFile> {
  return fromIndex(list("diff", "--cached", "--name-only", "-z", "--no-renames", "--diff-filter=d"));
}

/** In one process for many files: a process each would take seconds. */
function* fromIndex(files: readonly string[]): Generator<PublishedFile> {
  const atOnce = 100;
  for (let start = 0; start < files.length; start += atOnce) {
    const batch = files.slice(start, start + atOnce);
    // A line end in a name would be two requests; such a file is shown on its own.
    const plain = batch.filter((file) => !file.includes("\n"));
    const input = plain.map((file) => `:${file}\n`).join("");
    let rest = git(["cat-file", "--batch"], input);
    for (const file of plain) {
      const end = rest.indexOf(10);
      const size = Number(/ blob (\d+)$/.exec(rest.toString("latin1", 0, end))?.[1] ?? Number.NaN);
      // A submodule is no blob.
      if (Number.isNaN(size)) {
        rest = rest.subarray(end + 1);
        continue;
      }
      yield { file, content: rest.toString("utf8", end + 1, end + 1 + size) };
      rest = rest.subarray(end + 2 + size);
    }
    for (const file of batch.filter((name) => name.includes("\n"))) {
      yield { file, content: git(["show", `:${file}`]).toString("utf8") };
    }
  }
}

function list(...args: string[]): string[] {
  return git(args)
    .toString("utf8")
    .split("\0")
    .filter((file) => file !== "");
}

function git(args: readonly string[], input?: string): Buffer {
  return execFileSync("git", args, { input: input ?? "", maxBuffer: 1024 * 1024 * 1024 });
}

/** Names by which a server can be found, from the settings that lie on this machine; made-up ones are not told. */
export function deploymentNames(root: string, environment: NodeJS.ProcessEnv): string[] {
  const folders = [environment["BURROW_DATA"], join(root, "data"), join(homedir(), ".burrow")];
  const names = folders.flatMap((folder) => {
    const path = join(folder ?? "", "burrow.toml");
    if (folder === undefined || !existsSync(path)) return [];
    const { values } = readFile(path);
    return ["server_name", "edge.tunnel_host", "edge.vpc_service"]
      .map((key) => values.get(key))
      .filter((value) => typeof value === "string");
  });
  const madeUp = /^$|(?:^|\.)(?:localhost|example(?:\.\w+)?|test|invalid)$/;
  return [...new Set(names.map((name) => name.toLowerCase()))].filter((name) => !madeUp.test(name));
}
