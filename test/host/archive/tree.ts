import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { spawnSync } from "node:child_process";

import { noise } from "./hostile.ts";

/** Each path below the folder with the SHA-256 of its content, or "folder". */
export async function treeOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const tree: Record<string, string> = {};
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    tree[relative(folder, path)] = entry.isFile()
      ? createHash("sha256")
          .update(await readFile(path))
          .digest("hex")
      : entry.isDirectory()
        ? "folder"
        : "something else";
  }
  return Object.fromEntries(Object.entries(tree).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** What people have: accents, other scripts, emoji, empty files and folders, long names, text and noise. */
export const ordinaryFiles: readonly (readonly [path: string, content: Buffer])[] = [
  ["readme.txt", Buffer.from("Read me.\n")],
  ["empty", Buffer.alloc(0)],
  ["letters/h\u00e4nde & gr\u00fc\u00dfe.txt", Buffer.from("Gr\u00fc\u00dfe\n".repeat(1000))],
  ["letters/\u9577\u3044\u540d\u524d/\ud83d\udc69\u200d\ud83d\ude80.txt", Buffer.from("up\n")],
  [`deep/${"folder/".repeat(20)}${"x".repeat(120)}.txt`, Buffer.from("deep\n")],
  ["block", noise(512)],
  ["noise.bin", noise(300_000)],
  ["zeros.bin", Buffer.alloc(1_000_000)],
  [".hidden/-dash", Buffer.from("-")],
];

export async function makeTree(folder: string): Promise<void> {
  for (const [path, content] of ordinaryFiles) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  await mkdir(join(folder, "nothing in here"));
}

/** Whether the machine has this program. */
export function hasProgram(name: string): boolean {
  return spawnSync(name, ["--version"], { stdio: "ignore" }).error === undefined;
}
