import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder (with a space in its name, as people's folders have) that is removed after the test. */
export function temporaryFolder(t: { after(work: () => unknown): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "burrow test "));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
