import { rm, stat } from "node:fs/promises";
import { type Age, ageFor } from "./age.ts";
import { BackupError } from "./backup-error.ts";
import { flushPath, hashFile } from "./file-reader.ts";

export interface EncryptBlobJob {
  readonly source: string;
  readonly out: string;
  /** SHA-256 of the content, hex. */
  readonly hash: string;
  readonly recipients: readonly string[];
}

export interface EncryptedBlob {
  readonly bytes: number;
  /** SHA-256 of the encrypted file, hex. */
  readonly cipherHash: string;
}

/**
 * Encrypts one blob to a new file. Throws BackupError `missing` when there is none, `damaged` when its content is not
 * what its name says.
 */
export async function encryptBlob(job: EncryptBlobJob, age: Age): Promise<EncryptedBlob> {
  const found = await stat(job.source).catch(() => undefined);
  if (!found) throw new BackupError("missing", `The blob ${job.source} is not there any more.`);
  // The program works meanwhile.
  const encrypted = ageFor(age, found.size).encryptFile(job.source, job.out, job.recipients);
  const [plain] = await Promise.all([hashFile(job.source), encrypted]);
  if (plain.hash !== job.hash) {
    await rm(job.out);
    throw new BackupError("damaged", `The blob ${job.source} is damaged: its content is not what it was.`);
  }
  await flushPath(job.out);
  const { bytes, hash } = await hashFile(job.out);
  return { bytes, cipherHash: hash };
}
