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
  /** The encrypted blobs beside the archive, and their list inside it. `whole`: blobs are in the payload instead. */
  readonly blobs: {
    readonly count: number;
    readonly bytes: number;
    readonly listBytes: number;
    readonly listHash: string;
    readonly whole: boolean;
  };
}

export const manifestFormat = "burrow-backup 1";

/** What is in the payload, encrypted with it: `contents.json`, the last member but for the list of blobs. */
export interface Contents {
  readonly format: typeof manifestFormat;
  /** Every file below `data/`, in the order of the archive. */
  readonly files: readonly ContentFile[];
  /** Where the blobs' files were written: tried when they are not beside the archive. */
  readonly blobFolder: string | null;
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

/** One encrypted blob, a line of the list in clear text. It tells nothing of the content, not even its hash. */
export interface BlobLine {
  /** SHA-256 of the encrypted file, hex: its name at the target. */
  readonly cipherHash: string;
  /** Of the encrypted file. */
  readonly bytes: number;
}

export function formatBlobLine(line: BlobLine): string {
  return `${line.cipherHash} ${line.bytes}\n`;
}

export function parseBlobLine(text: string): BlobLine {
  const match = /^([0-9a-f]{64}) (\d{1,15})$/.exec(text);
  if (!match) throw new BackupError("damaged", "The archive's list of blobs cannot be read.");
  return { cipherHash: match[1] ?? "", bytes: Number(match[2]) };
}

/** Where the blob of the same line in the clear-text list belongs: only inside the payload. */
export interface BlobPlace {
  readonly cipherHash: string;
  /** From the data folder: `blobs/ab/cd/abcd…`. */
  readonly path: string;
  /** SHA-256 of the content, hex. */
  readonly hash: string;
}

export function formatBlobPlace(place: BlobPlace): string {
  return `${place.cipherHash} ${place.hash} ${place.path}\n`;
}

export function parseBlobPlace(text: string): BlobPlace {
  const match = /^([0-9a-f]{64}) ([0-9a-f]{64}) ([a-z0-9-]+(?:\/[a-z0-9-]+)+)$/.exec(text);
  if (!match) throw new BackupError("damaged", "The archive's list of blobs cannot be read.");
  return { cipherHash: match[1] ?? "", hash: match[2] ?? "", path: match[3] ?? "" };
}
