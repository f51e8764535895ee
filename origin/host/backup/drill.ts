import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type CreatedArchive, createArchive, type CreateOptions } from "./create-archive.ts";
import { readPieces } from "./file-reader.ts";
import { workFolder } from "./work-lock.ts";

export interface DrillResult {
  readonly archive: CreatedArchive;
  readonly files: number;
  readonly databases: number;
  /** Packs whose bytes at the target were compared with what was signed. */
  readonly packsCompared: number;
}

/**
 * A restore for practice. A backup is made as always, but for a second key too, made now and kept in memory alone;
 * then it is read back from where it was put, compared, decrypted with that key and unpacked, and its databases are
 * opened. So a backup is known to open without the owner's key being here. Packs at a bucket are not fetched back;
 * older ones are for the owner's key alone, so of them the encrypted bytes are compared. Throws BackupError.
 */
export async function rehearse(options: CreateOptions): Promise<DrillResult> {
  const { dataDir, keys, target, worker } = options;
  const oneShot = await worker.run("newIdentity", null);
  const archive = await createArchive({ ...options, extraRecipient: oneShot.recipient });
  await options.onStep?.("made");
  const folder = join(workFolder(dataDir), "drill");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const path =
      target.folder === undefined ? await fetchArchive(options, archive.name, folder) : archive.path;
    const packFolders = target.folder === undefined ? [] : [target.folder];
    const { verifyKey } = keys;
    const { manifest: signed, missing } = await worker.run("verify", { path, verifyKey, packFolders });
    const destination = join(folder, "unpacked");
    const identity = { text: oneShot.identity, file: undefined };
    const unpack = { archive: path, verifyKey, identity, packFolders, destination, withBlobs: false };
    const { manifest, files } = await worker.run("unpack", unpack);
    await options.onStep?.("unpacked");
    const { checked } = await worker.run("prepare", {
      folder: join(destination, "data"),
      schemas: manifest.schemas,
      databases: [],
    });
    return { archive, files, databases: checked, packsCompared: signed.packs.count - missing };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fetchArchive(options: CreateOptions, name: string, folder: string): Promise<string> {
  const path = join(folder, name);
  const reader = await options.target.open(name);
  try {
    await pipeline(
      Readable.from(readPieces(reader), { objectMode: false }),
      createWriteStream(path, { flags: "wx", mode: 0o600 }),
    );
  } finally {
    await reader.close();
  }
  return path;
}
