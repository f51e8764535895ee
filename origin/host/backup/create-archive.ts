import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BackupHistory } from "./backup-history.ts";
import type { BackupKeys } from "./backup-keys.ts";
import type { BackupPlan } from "./registry.ts";
import { storeBlobs } from "./store-blobs.ts";
import { archiveName, type BackupTarget } from "./target.ts";
import { clearWork, workFolder } from "./work-lock.ts";
import type { BackupWorker } from "./worker-client.ts";

export interface BackupProgress {
  /** `packs`: those that a drill reads back. */
  readonly phase: "databases" | "blobs" | "archive" | "packs";
  /** Databases, blobs or bytes so far, and in all (0: unknown). */
  readonly done: number;
  readonly total: number;
}

export interface CreateOptions {
  readonly dataDir: string;
  readonly serverName: string;
  readonly version: string;
  readonly plan: BackupPlan;
  readonly keys: BackupKeys;
  readonly target: BackupTarget;
  readonly history: BackupHistory;
  readonly worker: BackupWorker;
  readonly now: () => number;
  /** Everything in the one file, nothing beside it. */
  readonly whole?: boolean;
  /** A second key for this run: the drill's. */
  readonly extraRecipient?: string;
  readonly onProgress?: (progress: BackupProgress) => void;
  /** Told of each step once it is done: where a test may end the process. */
  readonly onStep?: (step: string) => Promise<void> | void;
}

export interface CreatedArchive {
  readonly name: string;
  /** Its path, or its URL in a bucket. */
  readonly path: string;
  /** Of the archive itself. */
  readonly bytes: number;
  /** Of the packs with blobs that were not at the target yet. */
  readonly newBlobBytes: number;
  readonly newBlobs: number;
  readonly blobs: number;
  readonly sequence: number;
  readonly manifestHash: string;
  /** Blobs whose content is not what it was: not in the backup. */
  readonly damaged: readonly string[];
  readonly databases: number;
}

/**
 * Makes one backup. The order matters: databases first, then the blobs that they name, the archive last, and it
 * appears at the target only when everything that it needs is there. Plain copies of the databases lie in the
 * data folder's own `backup-work`, for their owner alone, and nowhere else; they are removed at the end, or by the
 * next run where this one was killed. Throws BackupError.
 */
export async function createArchive(options: CreateOptions): Promise<CreatedArchive> {
  const { dataDir, plan, keys, target, worker, history } = options;
  const step = async (name: string): Promise<void> => options.onStep?.(name);
  const scratch = join(workFolder(dataDir), "snapshot");
  await clearWork(dataDir);
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  await mkdir(target.incoming, { recursive: true, mode: 0o700 });
  await clearIncoming(target);
  try {
    const createdAt = options.now();
    const schemas: Record<string, number> = {};
    const files: { path: string; file: string }[] = [];
    for (const [index, { name, file }] of plan.databases.entries()) {
      options.onProgress?.({ phase: "databases", done: index, total: plan.databases.length });
      const copy = join(scratch, `${name}.db`);
      schemas[name] = (await worker.run("snapshot", { name, file, copy })).schema;
      files.push({ path: `databases/${name}.db`, file: copy });
      await step(`snapshot ${name}`);
    }
    for (const path of plan.files) files.push({ path, file: join(dataDir, path) });

    const blobs = await storeBlobs(options, scratch, step);
    for (const path of blobs.others) files.push({ path, file: join(dataDir, path) });

    const previous = history.latest(keys.instance);
    const stored = await target.list();
    const sequence = Math.max(previous?.sequence ?? 0, ...stored.map((archive) => archive.sequence)) + 1;
    const name = archiveName(options.serverName, createdAt, sequence);
    const out = join(target.incoming, name);
    const packed = await worker.run(
      "pack",
      {
        out,
        files,
        packList: blobs.packList,
        placeList: blobs.placeList,
        packFolder: target.folder ?? null,
        packs: blobs.packs,
        manifest: {
          instance: keys.instance,
          serverName: options.serverName,
          sequence,
          createdAt,
          version: options.version,
          previous: previous?.manifestHash ?? null,
          schemas,
        },
        recipients: [keys.recipient, ...(options.extraRecipient ? [options.extraRecipient] : [])],
        signingKey: keys.signingKey,
      },
      (done) => options.onProgress?.({ phase: "archive", done, total: 0 }),
    );
    await step("packed");
    const { hash } = target.folder === undefined ? await worker.run("hash", { path: out }) : { hash: "" };
    await target.putArchive(name, out, hash);
    await step("published");
    return {
      name,
      path: target.folder === undefined ? `${target.description}/${name}` : join(target.folder, name),
      bytes: packed.bytes,
      newBlobBytes: blobs.newBytes,
      newBlobs: blobs.newBlobs,
      blobs: blobs.blobs,
      sequence,
      manifestHash: packed.manifestHash,
      damaged: blobs.damaged,
      databases: plan.databases.length,
    };
  } finally {
    // At once, and not only by the next run: half an archive may be what fills the disk.
    await clearIncoming(target);
    await clearWork(dataDir);
  }
}

async function clearIncoming({ incoming }: BackupTarget): Promise<void> {
  for (const left of await readdir(incoming)) await rm(join(incoming, left), { force: true });
}
