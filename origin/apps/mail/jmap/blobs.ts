import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import type { MailContext } from "../mail-context.ts";
import { readPart } from "../message/read-part.ts";
import type { BodyPart } from "../message/message.ts";
import { type BlobAddress, parseBlobId } from "./ids.ts";

/** A blob that the caller may read. */
export interface FoundBlob {
  readonly address: BlobAddress;
  /** Bytes. */
  readonly size: number;
  readonly type: string;
  open(): Readable;
}

/** What the account uploaded and the emails that lie in it, whole or by their parts; nothing else, whoever knows its hash. */
export function findBlob(mail: MailContext, account: number, id: string): FoundBlob | undefined {
  const address = parseBlobId(id);
  if (!address) return undefined;
  const { hash, partId } = address;
  const file = mail.blobs.pathOf(hash);
  const isEmail = mail.emails.byBlob(account, hash) !== undefined;
  if (partId !== undefined) {
    const part = isEmail ? findPart(mail.emails.bodyOf(hash).root, partId) : undefined;
    return part && { address, size: part.size, type: part.type, open: () => readPart(file, partId) };
  }
  const upload = mail.uploads.find(account, hash);
  if (!upload && !isEmail) return undefined;
  const size = upload?.size ?? mail.emails.sizeOf(hash);
  return { address, size, type: upload?.type ?? "message/rfc822", open: () => createReadStream(file) };
}

function findPart(part: BodyPart, partId: string): BodyPart | undefined {
  if (part.partId === partId) return part;
  for (const child of part.subParts ?? []) {
    const found = findPart(child, partId);
    if (found) return found;
  }
  return undefined;
}
