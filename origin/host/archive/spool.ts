import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ByteSource } from "./byte-source.ts";
import { writeWhole } from "./write-whole.ts";

export interface Spooled {
  readonly path: string;
  remove(): Promise<void>;
}

/** Keeps a stream's bytes in a file of its own (0600, in a 0700 folder) below `folder` until it is removed. */
export async function spool(bytes: ByteSource, folder: string = tmpdir()): Promise<Spooled> {
  const home = await mkdtemp(join(folder, "burrow-spool-"));
  const path = join(home, "archive");
  const remove = () => rm(home, { recursive: true, force: true });
  try {
    const file = await open(path, "wx", 0o600);
    try {
      for (let piece = await bytes.some(); piece; piece = await bytes.some()) await writeWhole(file, piece);
    } finally {
      await file.close();
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, remove };
}
