import type { RandomReader } from "./envelope.ts";

export interface StoredArchive {
  readonly name: string;
  readonly bytes: number;
  /** Unix milliseconds, of the name. */
  readonly createdAt: number;
  readonly sequence: number;
}

/** Where backups are kept: a folder, or a bucket. Only encrypted files come here. Throws BackupError. */
export interface BackupTarget {
  /** For people: the folder's path, or the bucket's URL. */
  readonly description: string;
  /** Where archives and blobs lie as files; undefined for a bucket. */
  readonly folder: string | undefined;
  /** The folder where files are made ready, on the same file system where `folder` is one. */
  readonly incoming: string;
  list(): Promise<StoredArchive[]>;
  open(name: string): Promise<RandomReader & { close(): Promise<void> }>;
  /** The packs of this instance; asked once a run. */
  packs(instance: string): Promise<PackIndex>;
  /** Moves a finished file there, whole or not at all; when it resolves it is durable. The local file is gone. */
  putPack(instance: string, hash: string, file: string): Promise<void>;
  putArchive(name: string, file: string, hash: string): Promise<void>;
  remove(name: string): Promise<void>;
  removePack(instance: string, hash: string): Promise<void>;
}

export interface PackIndex {
  /** Bytes of the encrypted file; undefined when it is not there. */
  size(hash: string): Promise<number | undefined>;
  all(): AsyncIterable<string>;
}

/** Beside the archives. `hash`: of the encrypted file. */
export function packPath(instance: string, hash: string): string {
  return `packs/${instance}/${hash.slice(0, 2)}/${hash}.age`;
}

const suffix = ".burrow-backup";

/** `example.org-20261122T033000Z-000012.burrow-backup` */
export function archiveName(serverName: string, createdAt: number, sequence: number): string {
  const time = new Date(createdAt).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${serverName}-${time}-${String(sequence).padStart(6, "0")}${suffix}`;
}

/** Undefined for what is no archive of this server. */
export function parseArchiveName(
  serverName: string,
  name: string,
): Pick<StoredArchive, "createdAt" | "sequence"> | undefined {
  if (!name.startsWith(`${serverName}-`)) return undefined;
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-(\d{6,9})\.burrow-backup$/.exec(
    name.slice(serverName.length + 1),
  );
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, sequence] = match;
  const createdAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(createdAt) ? undefined : { createdAt, sequence: Number(sequence) };
}
