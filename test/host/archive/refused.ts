import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";

import {
  ArchiveError,
  type ArchiveErrorCode,
  type ArchiveLimits,
  extractArchive,
  readArchive,
  untrustedImport,
} from "../../../origin/host/archive/archive.ts";

/** A folder of the test's own, removed afterwards. */
export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "burrow-archive-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A stream that gives the bytes in pieces of so many. */
export function inPieces(bytes: Buffer, piece: number): Readable {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += piece) pieces.push(bytes.subarray(at, at + piece));
  return Readable.from(pieces);
}

/**
 * The archive is refused with this code from a file, from a stream in odd pieces and when only read, and nothing is
 * left anywhere.
 */
export function refused(
  what: string,
  archive: () => Buffer,
  code: ArchiveErrorCode,
  limits: Partial<ArchiveLimits> = {},
): void {
  test(`refused: ${what}`, () =>
    inFolder(async (folder) => {
      const bytes = archive();
      const caps = { ...untrustedImport, ...limits };
      const path = join(folder, "archive");
      await writeFile(path, bytes);
      const outcome = async (work: Promise<unknown>): Promise<unknown> => {
        const error = await work.then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (!(error instanceof ArchiveError)) return error ?? "accepted";
        assert.doesNotMatch(error.message, /\p{Cc}/u);
        return error.code;
      };
      assert.equal(await outcome(extractArchive(path, join(folder, "from-file"), caps)), code);
      assert.equal(
        await outcome(extractArchive(inPieces(bytes, 1021), join(folder, "from-stream"), caps)),
        code,
      );
      assert.equal(await outcome(readArchive(path, caps, () => Promise.resolve())), code);
      assert.deepEqual(await readdir(folder), ["archive"]);
    }));
}
