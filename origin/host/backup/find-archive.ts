import type { KeyObject } from "node:crypto";
import { BackupError } from "./backup-error.ts";
import { readManifest } from "./envelope.ts";
import type { BackupTarget, StoredArchive } from "./target.ts";

/** The word for the newest backup. */
export const latest = "latest";
const shown = 5;

/**
 * The name of an archive at a target: `wanted` itself where it is there, or the newest for `latest`. Where several
 * servers share a bucket, it is the one whose newest backup this key has signed. Throws BackupError `missing` with the
 * newest few that there are.
 */
export async function findArchive(
  target: BackupTarget,
  wanted: string,
  verifyKey: KeyObject,
): Promise<string> {
  const archives = await target.list();
  if (wanted !== latest) {
    if (archives.some(({ name }) => name === wanted)) return wanted;
    throw none(`There is no backup ${wanted} in ${target.description}.`, archives);
  }
  // The oldest come first, so that the last of each server stays.
  const newest = new Map(archives.map((archive) => [archive.serverName, archive.name]));
  const [only] = newest.values();
  // Not judged by its signature: a changed newest one must be told of, and never passed over for an older one.
  if (only !== undefined && newest.size === 1) return only;
  for (const name of newest.values()) if (await isSigned(target, name, verifyKey)) return name;
  throw none(`No server's newest backup in ${target.description} is of this identity.`, archives);
}

async function isSigned(target: BackupTarget, name: string, verifyKey: KeyObject): Promise<boolean> {
  const reader = await target.open(name);
  try {
    await readManifest(reader, verifyKey);
    return true;
  } catch (error) {
    if (error instanceof BackupError && error.fault === "tampered") return false;
    throw error;
  } finally {
    await reader.close();
  }
}

function none(what: string, archives: readonly StoredArchive[]): BackupError {
  const names = archives
    .slice(-shown)
    .toReversed()
    .map(({ name }) => name);
  const there = names.length === 0 ? "There are none at all." : `The newest there are: ${names.join(", ")}.`;
  return new BackupError("missing", `${what} ${there}`);
}
