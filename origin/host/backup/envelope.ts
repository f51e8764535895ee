import { createHash, type KeyObject, sign, verify } from "node:crypto";
import { BackupError } from "./backup-error.ts";
import { hashCharacters, type Manifest, parseManifest } from "./manifest.ts";

/*
 * An archive: magic | payload (an age file) | list of packs | manifest | signature | length of the manifest | end mark.
 * The manifest stands at the end, so that one pass writes all; it is read first, and nothing is parsed before its
 * Ed25519 signature is good. Every byte of the file is held by it: the marks by comparison, payload and list by hash,
 * all lengths by the file's own.
 */

const magic = Buffer.from("burrow-backup 1\n", "latin1");
const endMark = Buffer.from("burrow-end1\n", "latin1");
const signatureBytes = 64;
const footerBytes = signatureBytes + 4 + endMark.length;
/** A manifest this long would be of a payload of 700 GB. */
const longestManifest = 32 * 1024 * 1024;
export const chunkBytes = 1024 * 1024;
export const payloadStart = magic.length;

/** Signatures of this key are of manifests only. */
const signedPrefix = Buffer.from("burrow backup manifest 1\n", "latin1");

/** Bytes that can be read from anywhere: a local file, or an object in a bucket. */
export interface RandomReader {
  readonly size: number;
  /** Exactly `length` bytes from `offset`, fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function openingBytes(): Uint8Array {
  return magic;
}

/** What follows the list of packs. */
export function closingBytes(manifest: Manifest, signingKey: KeyObject): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(manifest), "utf8");
  const signature = sign(null, Buffer.concat([signedPrefix, bytes]), signingKey);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([bytes, signature, length, endMark]);
}

export interface VerifiedManifest {
  readonly manifest: Manifest;
  /** SHA-256 of its bytes, hex: what the next one names as `previous`. */
  readonly hash: string;
}

/** The archive's manifest, its signature and all lengths checked. Throws BackupError. */
export async function readManifest(source: RandomReader, verifyKey: KeyObject): Promise<VerifiedManifest> {
  const { size } = source;
  if (size < magic.length + footerBytes) throw tampered("It is too short to be a backup.");
  const head = await source.read(0, magic.length);
  const footer = Buffer.from(await source.read(size - footerBytes, footerBytes));
  if (!magic.equals(head) || !endMark.equals(footer.subarray(signatureBytes + 4))) {
    throw tampered("It does not begin and end as a backup does.");
  }
  const length = footer.readUInt32BE(signatureBytes);
  if (length > longestManifest || length > size - magic.length - footerBytes) {
    throw tampered("Its manifest has an impossible length.");
  }
  const bytes = await source.read(size - footerBytes - length, length);
  const signature = footer.subarray(0, signatureBytes);
  if (!verify(null, Buffer.concat([signedPrefix, bytes]), verifyKey, signature)) {
    throw tampered("Its signature does not fit: it was changed, or it is another server's.");
  }
  const manifest = parseManifest(bytes);
  const { payload, packs } = manifest;
  if (magic.length + payload.bytes + packs.listBytes + length + footerBytes !== size) {
    throw tampered("Its length is not the signed one.");
  }
  if (payload.chunks.length !== Math.ceil(payload.bytes / payload.chunkBytes) * hashCharacters) {
    throw tampered("Its manifest does not fit itself.");
  }
  return { manifest, hash: createHash("sha256").update(bytes).digest("hex") };
}

/** The payload, piece by piece, each compared with the manifest before it is given out. Throws BackupError. */
export async function* readPayload(
  source: RandomReader,
  manifest: Manifest,
  onBytes?: (done: number) => void,
): AsyncGenerator<Uint8Array> {
  const { bytes, chunkBytes: step, chunks } = manifest.payload;
  for (let offset = 0, index = 0; offset < bytes; offset += step, index += 1) {
    const chunk = await source.read(payloadStart + offset, Math.min(step, bytes - offset));
    const expected = chunks.slice(index * hashCharacters, (index + 1) * hashCharacters);
    if (createHash("sha256").update(chunk).digest("base64url") !== expected) {
      throw tampered(`Its content was changed (near byte ${payloadStart + offset}).`);
    }
    onBytes?.(offset + chunk.byteLength);
    yield chunk;
  }
}

/** The list of packs, line by line, its hash checked before the first is given out. Throws BackupError. */
export async function* readPackList(source: RandomReader, manifest: Manifest): AsyncGenerator<string> {
  const start = payloadStart + manifest.payload.bytes;
  const { listBytes, listHash } = manifest.packs;
  const hash = createHash("sha256");
  for await (const piece of readRange(source, start, listBytes)) hash.update(piece);
  if (hash.digest("hex") !== listHash) throw tampered("Its list of packs was changed.");
  yield* linesOf(readRange(source, start, listBytes));
}

async function* readRange(source: RandomReader, start: number, length: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < length; offset += chunkBytes) {
    yield await source.read(start + offset, Math.min(chunkBytes, length - offset));
  }
}

/** Whole lines, without their ends. */
export async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of pieces) {
    const lines = (rest + Buffer.from(piece).toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

function tampered(what: string): BackupError {
  return new BackupError("tampered", `The archive cannot be trusted. ${what} Nothing of it was used.`);
}
