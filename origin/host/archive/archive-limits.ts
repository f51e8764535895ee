const MB = 1_000_000;
const TB = 1_000_000 * MB;

/** What an archive may cost. Sizes in bytes, all counted on the bytes that really come, not on what is announced. */
export interface ArchiveLimits {
  /** The archive as it comes. */
  readonly archiveBytes: number;
  /** One file of it, unpacked. */
  readonly fileBytes: number;
  /** All files together, unpacked. */
  readonly totalBytes: number;
  /** Files and folders, with the folders that only a path names. */
  readonly entries: number;
  /** Unpacked bytes for each byte of the archive, once more than `ratioFrom` bytes are unpacked. */
  readonly ratio: number;
  readonly ratioFrom: number;
  /** Names on a path, the last one included. */
  readonly depth: number;
  /** A whole path, in UTF-8. */
  readonly pathBytes: number;
}

/**
 * For what somebody else made. Ordinary text packs to a tenth, so the ratio alone is no measure: the absolute
 * sizes hold the disk, the ratio only ends a bomb early.
 */
export const untrustedImport: ArchiveLimits = {
  archiveBytes: 200 * MB,
  fileBytes: 200 * MB,
  totalBytes: 200 * MB,
  entries: 20_000,
  ratio: 32,
  ratioFrom: 4 * MB,
  depth: 32,
  pathBytes: 1024,
};

/** For what this server packed itself and has verified: the shape is held, the sizes hardly. */
export const ownBackup: ArchiveLimits = {
  archiveBytes: 8 * TB,
  fileBytes: 8 * TB,
  totalBytes: 8 * TB,
  entries: 1_000_000,
  ratio: Number.POSITIVE_INFINITY,
  ratioFrom: 0,
  depth: 32,
  pathBytes: 1024,
};
