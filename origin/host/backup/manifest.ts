import { BackupError } from "./backup-error.ts";

/**
 * What an archive says of itself in clear text, signed. It names no plaintext's hash: those are in the encrypted
 * contents.
 */
export interface Manifest {
  readonly format: typeof manifestFormat;
  /** Of the backup keys: which server's backups these are. */
  readonly instance: string;
  readonly serverName: string;
  /** 1, 2, … of this instance. */
  readonly sequence: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** The Burrow that made it. */
  readonly version: string;
  /** SHA-256 of the signed manifest before this one, in hex; null for the first. */
  readonly previous: string | null;
  /** Database name → schema version. */
  readonly schemas: Readonly<Record<string, number>>;
  /** The age file in the archive; `chunks` has the SHA-256 of every `chunkBytes` of it, base64url, one after another. */
  readonly payload: { readonly bytes: number; readonly chunkBytes: number; readonly chunks: string };
  /** The packs of encrypted blobs that lie beside the archive, all together, and their list in it. */
  readonly packs: {
    readonly count: number;
    readonly bytes: number;
    readonly listBytes: number;
    /** SHA-256 in hex. */
    readonly listHash: string;
  };
}

export const manifestFormat = "burrow-backup 1";

/** What is in the payload, encrypted with it: `contents.json`, the last member but for the list of blobs. */
export interface Contents {
  readonly format: typeof manifestFormat;
  /** Every file below `data/`, in the order of the archive. */
  readonly files: readonly ContentFile[];
  /** Where the packs were written: tried when they are not beside the archive. */
  readonly packFolder: string | null;
}

export interface ContentFile {
  /** From the data folder: `databases/members.db`. */
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 in hex. */
  readonly hash: string;
}

/** Base64url characters of one SHA-256. */
export const hashCharacters = 43;

/** Reads a manifest whose signature was good: what does not fit is of a newer Burrow. Throws BackupError. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const value = JSON.parse(Buffer.from(bytes).toString("utf8")) as Omit<Manifest, "format"> & {
    format: string;
  };
  if (value.format !== manifestFormat) {
    throw new BackupError(
      "too-new",
      `The archive has the form "${value.format}", this Burrow reads "${manifestFormat}". Install a newer Burrow.`,
    );
  }
  return { ...value, format: manifestFormat };
}

/**
 * One pack, a line of the list in clear text: some blobs, one after another, encrypted together. It tells nothing of
 * them, neither their number nor their hashes.
 */
export interface PackLine {
  /** SHA-256 of the encrypted file, hex: its name at the target. */
  readonly hash: string;
  /** Of the encrypted file. */
  readonly bytes: number;
}

export function formatPackLine(line: PackLine): string {
  return `${line.hash} ${line.bytes}\n`;
}

export function parsePackLine(text: string): PackLine {
  const match = /^([0-9a-f]{64}) (\d{1,15})$/.exec(text);
  if (!match) throw new BackupError("damaged", "The archive's list of packs cannot be read.");
  return { hash: match[1] ?? "", bytes: Number(match[2]) };
}

/** One blob, a line of the list inside the payload. */
export interface BlobPlace {
  /** The pack that it is in, and where in the decrypted pack. */
  readonly pack: string;
  readonly start: number;
  readonly length: number;
  /** SHA-256 of the content, hex. */
  readonly hash: string;
  /** From the data folder: `blobs/ab/cd/abcd…`. */
  readonly path: string;
}

export function formatBlobPlace({ pack, start, length, hash, path }: BlobPlace): string {
  return `${pack} ${start} ${length} ${hash} ${path}\n`;
}

export function parseBlobPlace(text: string): BlobPlace {
  const match = /^([0-9a-f]{64}) (\d{1,15}) (\d{1,15}) ([0-9a-f]{64}) ([a-z0-9-]+(?:\/[a-z0-9-]+)+)$/.exec(
    text,
  );
  if (!match) throw new BackupError("damaged", "The archive's list of blobs cannot be read.");
  const [, pack = "", start, length, hash = "", path = ""] = match;
  return { pack, start: Number(start), length: Number(length), hash, path };
}
