import { BlobTooLargeError } from "../../../storage/blobs.ts";
import type { MailContext } from "../mail-context.ts";
import type { Upload } from "../mailbox/upload-store.ts";
import { limits } from "./method.ts";

/** It is larger than one may be, or the mailbox has no room for it. For people. */
export class UploadRefusedError extends Error {
  override name = "UploadRefusedError";
}

/** Keeps what a member uploads, within the quota. `declared`: bytes, as far as they are told before. Throws UploadRefusedError. */
export async function storeUpload(
  mail: MailContext,
  account: number,
  source: AsyncIterable<Uint8Array>,
  { type, declared = 0 }: { type: string; declared?: number },
): Promise<Upload> {
  const left = mail.config.quota - mail.emails.bytesOf(account) - mail.uploads.bytesOf(account);
  if (left <= 0) throw new UploadRefusedError("The mailbox is full.");
  if (declared > limits.maxSizeUpload) throw tooLarge();
  try {
    return await mail.uploads.put(account, source, type, Math.min(limits.maxSizeUpload, left));
  } catch (error) {
    if (error instanceof BlobTooLargeError) throw tooLarge();
    throw error;
  }
}

const tooLarge = (): UploadRefusedError =>
  new UploadRefusedError(`An upload has at most ${limits.maxSizeUpload} bytes.`);
