import type { BackupHistory } from "./backup-history.ts";
import type { BackupKeys } from "./backup-keys.ts";
import { BackupError } from "./backup-error.ts";
import { readPackList, readManifest } from "./envelope.ts";
import { parsePackLine } from "./manifest.ts";
import { expired, type Retention } from "./retention.ts";
import { placeOf } from "./store-blobs.ts";
import type { BackupTarget } from "./target.ts";

export interface Pruned {
  readonly archives: number;
  readonly packs: number;
  /** Why no pack was removed, where none could be judged. */
  readonly note: string | undefined;
}

/**
 * Removes the archives that are past their time, and then the packs that no remaining archive of these keys
 * names. An archive that cannot be read may need any of them: then every pack stays. The caller holds the lock.
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
  // Packs go only where an archive has gone: what was never named was left by a run that was killed.
  if (old.length === 0) return { archives: 0, packs: 0, note: undefined };

  const used = new Set<string>();
  for (const { name } of archives.filter((archive) => !old.includes(archive))) {
    try {
      await addNamed(used, target, name, keys);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      return {
        archives: old.length,
        packs: 0,
        note: `${name} cannot be read: every pack stays. ${error.message}`,
      };
    }
  }
  const unused: string[] = [];
  for await (const hash of (await target.packs(keys.instance)).all()) {
    if (!used.has(hash)) unused.push(hash);
  }
  // Forgotten before they are gone: a run killed here encrypts them again, and never names what is not there.
  await history.forgetPacks(placeOf(keys, target), unused);
  await options.onStep?.("forgot packs");
  for (const hash of unused) await target.removePack(keys.instance, hash);
  await options.onStep?.("pruned packs");
  return { archives: old.length, packs: unused.length, note: undefined };
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
    for await (const line of readPackList(reader, manifest)) used.add(parsePackLine(line).hash);
  } finally {
    await reader.close();
  }
}
