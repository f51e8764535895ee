import type { BackupHistory } from "./backup-history.ts";
import type { BackupKeys } from "./backup-keys.ts";
import { BackupError } from "./backup-error.ts";
import { readBlobList, readManifest } from "./envelope.ts";
import { parseBlobLine } from "./manifest.ts";
import { expired, type Retention } from "./retention.ts";
import { placeOf } from "./store-blobs.ts";
import type { BackupTarget } from "./target.ts";

export interface Pruned {
  readonly archives: number;
  readonly blobs: number;
  /** Why no blob was removed, where none could be judged. */
  readonly note: string | undefined;
}

/**
 * Removes the archives that are past their time, and then the encrypted blobs that no remaining archive of these keys
 * names. An archive that cannot be read may name any of them: then every blob stays. The caller holds the lock.
 */
export async function prune(options: {
  target: BackupTarget;
  keys: BackupKeys;
  history: BackupHistory;
  retention: Retention;
  now: number;
  onStep?: (step: string) => Promise<void> | void;
}): Promise<Pruned> {
  const { target, keys, history } = options;
  const archives = await target.list();
  const old = expired(archives, options.retention, options.now);
  for (const { name } of old) await target.remove(name);
  await options.onStep?.("pruned archives");
  // Blobs go only where an archive has gone: what was never named was left by a run that was killed.
  if (old.length === 0) return { archives: 0, blobs: 0, note: undefined };

  const used = new Set<string>();
  for (const { name } of archives.filter((archive) => !old.includes(archive))) {
    try {
      await addNamed(used, target, name, keys);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      return {
        archives: old.length,
        blobs: 0,
        note: `${name} cannot be read: every blob stays. ${error.message}`,
      };
    }
  }
  const unused: string[] = [];
  for await (const cipherHash of (await target.blobs(keys.instance)).all()) {
    if (!used.has(cipherHash)) unused.push(cipherHash);
  }
  // Forgotten before they are gone: a run killed here encrypts them again, and never names what is not there.
  await history.forgetBlobs(placeOf(keys, target), unused);
  for (const cipherHash of unused) await target.removeBlob(keys.instance, cipherHash);
  await options.onStep?.("pruned blobs");
  return { archives: old.length, blobs: unused.length, note: undefined };
}

async function addNamed(
  used: Set<string>,
  target: BackupTarget,
  name: string,
  keys: BackupKeys,
): Promise<void> {
  const reader = await target.open(name);
  try {
    const { manifest } = await readManifest(reader, keys.verifyKey);
    for await (const line of readBlobList(reader, manifest)) used.add(parseBlobLine(line).cipherHash);
  } finally {
    await reader.close();
  }
}
