/** Archives that other programs make are read as those read them; ours are read by other programs. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import {
  type ArchiveFormat,
  createArchiveWriter,
  extractArchive,
  untrustedImport,
} from "../../../origin/host/archive/archive.ts";
import { inFolder } from "./refused.ts";
import { hasProgram, makeTree, ordinaryFiles, treeOf } from "./tree.ts";

// One run of noise in few files: the caps that are about size are tested elsewhere.
const limits = untrustedImport;

interface Maker {
  readonly program: string;
  readonly format: ArchiveFormat;
  readonly options: readonly string[];
}

const makers: readonly Maker[] = [
  { program: "tar", format: "tar", options: ["--format=posix", "-cf"] },
  { program: "tar", format: "tar", options: ["--format=gnu", "-cf"] },
  { program: "tar", format: "tar.gz", options: ["-czf"] },
  { program: "tar", format: "tar.zst", options: ["--zstd", "-cf"] },
  { program: "bsdtar", format: "tar", options: ["-cf"] },
  { program: "bsdtar", format: "zip", options: ["--format=zip", "-cf"] },
  { program: "zip", format: "zip", options: ["-qr"] },
  { program: "zip", format: "zip", options: ["-qr0"] },
];

for (const { program, format, options } of makers) {
  const needed = format === "tar.zst" ? [program, "zstd"] : [program];
  const missing = needed.find((name) => !hasProgram(name));
  test(
    `${format} of "${program} ${options.join(" ")}" gives the tree that was packed`,
    { skip: missing !== undefined && `no ${missing}` },
    () =>
      inFolder(async (folder) => {
        const tree = join(folder, "tree");
        await makeTree(tree);
        const archive = join(folder, `archive.${format}`);
        execFileSync(program, [...options, archive, "."], { cwd: tree });
        await extractArchive(archive, join(folder, "out"), limits, { format });
        assert.deepEqual(await treeOf(join(folder, "out")), await treeOf(tree));
      }),
  );
}

const readers: Record<ArchiveFormat, readonly string[]> = {
  tar: ["tar", "-xf"],
  "tar.gz": ["tar", "-xzf"],
  "tar.zst": ["tar", "--zstd", "-xf"],
  zip: ["unzip", "-q"],
};

for (const format of ["tar", "tar.gz", "tar.zst", "zip"] as const) {
  const pack = async (folder: string): Promise<string> => {
    const archive = join(folder, `archive.${format}`);
    const writer = createArchiveWriter(format, createWriteStream(archive));
    const mtime = new Date("2026-01-02T03:04:06Z");
    for (const [path, content] of ordinaryFiles) {
      await writer.addFile(path, content, content.length, { mtime });
    }
    await writer.addFolder("nothing in here", { mtime });
    await writer.finish();
    return archive;
  };

  test(`${format}: what the writer packs, the extractor unpacks`, () =>
    inFolder(async (folder) => {
      await makeTree(join(folder, "tree"));
      const archive = await pack(folder);
      // An empty folder that is there already is taken.
      await mkdir(join(folder, "out"));
      const counted = await extractArchive(createReadStream(archive), join(folder, "out"), limits);
      assert.deepEqual(await treeOf(join(folder, "out")), await treeOf(join(folder, "tree")));
      assert.deepEqual(counted, {
        files: ordinaryFiles.length,
        bytes: ordinaryFiles.reduce((sum, [, content]) => sum + content.length, 0),
      });
      const [file, inner] = [await stat(join(folder, "out/empty")), await stat(join(folder, "out/letters"))];
      assert.equal(file.mode & 0o777, 0o600);
      assert.equal(inner.mode & 0o777, 0o700);
    }));

  const [program = "", ...options] = readers[format];
  const missing = [program, ...(format === "tar.zst" ? ["zstd"] : [])].find((name) => !hasProgram(name));
  test(
    `${format}: what the writer packs, ${program} unpacks`,
    { skip: missing !== undefined && `no ${missing}` },
    () =>
      inFolder(async (folder) => {
        await makeTree(join(folder, "tree"));
        await mkdir(join(folder, "out"));
        execFileSync(program, [...options, await pack(folder)], {
          cwd: join(folder, "out"),
          env: { ...process.env, LC_ALL: "C.UTF-8" },
        });
        assert.deepEqual(await treeOf(join(folder, "out")), await treeOf(join(folder, "tree")));
      }),
  );
}
