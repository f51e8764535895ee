/** Damage that nobody thought of: bits flipped and bytes cut, moved and doubled, the same in every run. */
import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";

import { ArchiveError, extractArchive, untrustedImport } from "../../../origin/host/archive/archive.ts";
import { makeTar, makeZip, noise, pax } from "./hostile.ts";
import { inFolder, inPieces } from "./refused.ts";
import { treeOf } from "./tree.ts";

const data = Buffer.concat([noise(3000), Buffer.alloc(3000, "text ")]);
const tar = makeTar([
  { name: "folder/", type: "5" },
  { name: "folder/a.txt", data },
  pax({ path: "folder/\u00e4.txt" }),
  { name: "b", data },
]);
const archives: Record<string, Buffer> = {
  tar,
  "tar.gz": gzipSync(tar),
  "tar.zst": zstdCompressSync(tar, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
  zip: makeZip([
    { name: "folder/", data: Buffer.alloc(0) },
    { name: "folder/a.txt", data, deflate: true },
    { name: "folder/\u00e4.txt", data, descriptor: true },
  ]),
};

const rounds = Number(process.env["BURROW_DAMAGE_ROUNDS"] ?? 150);

function damage(bytes: Buffer, random: (below: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  const at = random(copy.length);
  const length = random(600);
  switch (random(5)) {
    case 0:
    case 1:
      copy[at] = (copy[at] ?? 0) ^ (1 << random(8));
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + length)]);
    default:
      return Buffer.concat([copy.subarray(0, at + length), copy.subarray(at)]);
  }
}

/** Numbers that are the same in every run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

for (const [format, archive] of Object.entries(archives)) {
  test(`${format}: damage is refused as such or does no harm, and nothing is left of what is refused`, () =>
    inFolder(async (folder) => {
      const out = join(folder, "out");
      await extractArchive(inPieces(archive, 997), out, untrustedImport);
      const sound = new Set(Object.values(await treeOf(out)));
      await rm(out, { recursive: true });
      const random = createRandom(format.length);
      for (let round = 0; round < rounds; round++) {
        const bytes = damage(archive, random);
        try {
          await extractArchive(inPieces(bytes, 997), out, untrustedImport);
        } catch (error) {
          assert.ok(error instanceof ArchiveError, `round ${round}: ${String(error)}`);
          assert.deepEqual(await readdir(folder), [], `round ${round}`);
          continue;
        }
        // A plain tar has no checksum over its content; all others must have noticed another one.
        const found = Object.values(await treeOf(out));
        if (format !== "tar")
          assert.deepEqual(
            found.filter((hash) => !sound.has(hash)),
            [],
            `round ${round}`,
          );
        await rm(out, { recursive: true });
      }
    }));
}
