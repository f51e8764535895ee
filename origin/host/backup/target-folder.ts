import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BackupError } from "./backup-error.ts";
import { flushPath, openFileReader } from "./file-reader.ts";
import { byAge, type FolderTarget, packPath, parseArchiveName } from "./target.ts";

/** A folder of this machine: on its own disk, a memory card, or a mounted one. Made where absent. */
export async function openFolderTarget(folder: string, serverName: string): Promise<FolderTarget> {
  const incoming = join(folder, "incoming");
  try {
    await mkdir(incoming, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new BackupError(
      "unusable",
      `The folder for backups ${folder} cannot be used: ${(error as Error).message}. Choose another with [backup] folder, or --to.`,
    );
  }
  /** The folders that a run has put packs into: flushed before the archive that needs them appears. */
  const touched = new Set<string>();

  async function place(file: string, path: string): Promise<void> {
    const parent = dirname(path);
    if (!touched.has(parent)) {
      await mkdir(parent, { recursive: true, mode: 0o700 });
      touched.add(parent);
    }
    await rename(file, path);
  }

  return {
    description: folder,
    folder,
    incoming,
    async list() {
      const found = [];
      for (const name of await readdir(folder)) {
        const parsed = parseArchiveName(name);
        if (parsed?.serverName !== serverName) continue;
        found.push({ ...parsed, bytes: (await stat(join(folder, name))).size });
      }
      return found.toSorted(byAge);
    },
    open: (name) => openFileReader(join(folder, name)),
    async packs(instance) {
      const base = join(folder, "packs", instance);
      return {
        async size(hash) {
          return (await stat(join(folder, packPath(instance, hash))).catch(() => undefined))?.size;
        },
        async *all() {
          for (const shard of await readdir(base).catch(() => [])) {
            for (const file of await readdir(join(base, shard))) yield file.replace(/\.age$/, "");
          }
        },
      };
    },
    putPack: (instance, hash, file) => place(file, join(folder, packPath(instance, hash))),
    async putArchive(name, file) {
      for (const path of touched) await flushPath(path);
      touched.clear();
      await place(file, join(folder, name));
      await flushPath(folder);
    },
    remove: (name) => rm(join(folder, name), { force: true }),
    removePack: (instance, hash) => rm(join(folder, packPath(instance, hash)), { force: true }),
  };
}
