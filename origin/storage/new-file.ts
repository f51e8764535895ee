import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from "node:fs";

/**
 * Makes a small file, for its owner alone, that is whole and on disk when this returns, or not there at all: a full
 * disk leaves no half of it. Throws EEXIST where there is one already, links too: nothing is overwritten or followed.
 */
export function writeNewFile(path: string, content: string | Uint8Array): void {
  const file = openSync(path, "wx", 0o600);
  try {
    // Not one write(2), which may take a part.
    writeFileSync(file, content);
    fsyncSync(file);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}
