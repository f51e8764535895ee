import type { RandomReader } from "./envelope.ts";

export interface StoredArchive {
  readonly name: string;
  readonly serverName: string;
  readonly bytes: number;
  /** Unix milliseconds, of the name. */
  readonly createdAt: number;
  readonly sequence: number;
}

/** Where backups are kept. Only encrypted files come here. Throws BackupError. */
export type BackupTarget = FolderTarget | BucketTarget;

export interface FolderTarget extends Target {
  /** Where archives and packs lie as files. */
  readonly folder: string;
}

export interface BucketTarget extends Target {
  readonly folder: undefined;
  /**
   * `length` bytes of an object from `offset` on, as they come. What breaks off is asked for again, from where it
   * broke off. Throws BackupError, `missing` where there is no such object.
   */
  stream(key: string, offset: number, length: number): AsyncIterable<Uint8Array>;
}

interface Target {
  /** For people: the folder's path, or the bucket's URL. */
  readonly description: string;
  /** The folder where files are made ready, on the same file system where `folder` is one. */
  readonly incoming: string;
  /** The oldest first. */
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

const archivePattern =
  /^([a-z0-9][a-z0-9.-]*)-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-(\d{6,9})\.burrow-backup$/;

/** Undefined for what is no archive. A name that is read is one part of a path, and not a hidden one. */
export function parseArchiveName(name: string): Omit<StoredArchive, "bytes"> | undefined {
  const match = archivePattern.exec(name);
  if (!match) return undefined;
  const [, serverName = "", year, month, day, hour, minute, second, sequence] = match;
  const createdAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(createdAt) ? undefined : { name, serverName, createdAt, sequence: Number(sequence) };
}

/** The oldest first. */
export function byAge(a: StoredArchive, b: StoredArchive): number {
  return a.createdAt - b.createdAt || a.sequence - b.sequence;
}
