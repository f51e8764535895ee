import { diskFaultMessages, diskFaultOf } from "../../storage/disk-fault.ts";

/** What kept a backup or a restore from being done. */
export type BackupFault =
  /** Bytes are not those that were signed, or the key is another server's. */
  | "tampered"
  /** The signature is good, and the identity does not open it. */
  | "wrong-identity"
  /** The identity file has no usable keys. */
  | "bad-identity"
  /** A file of the backup is not there. */
  | "missing"
  /** A newer Burrow made it. */
  | "too-new"
  /** What came out is not what went in, or a database is damaged. */
  | "damaged"
  /** Another backup or restore is under way. */
  | "busy"
  /** The bucket does not take the key. */
  | "refused"
  /** The bucket does not answer. */
  | "unreachable"
  /** There is no room at the target or in the data folder. */
  | "full"
  /** The target or the data folder cannot be used. */
  | "unusable";

/** A backup, its check or a restore failed; live data is as it was. The message says what to do. */
export class BackupError extends Error {
  override name = "BackupError";
  readonly fault: BackupFault;

  constructor(fault: BackupFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

/** What a full or failing disk did, as a BackupError; any other error as it is. */
export function explainDisk(error: unknown): unknown {
  if (error instanceof BackupError) return error;
  const fault = diskFaultOf(error);
  if (fault === undefined) return error;
  if (fault === "full") return noRoom(error);
  return new BackupError("unusable", diskFaultMessages[fault], { cause: error });
}

export function noRoom(cause?: unknown): BackupError {
  return new BackupError(
    "full",
    "There is no room on the disk: no backup was made, and the earlier ones are as they were. Make room, or choose another place with [backup] folder or --to.",
    { cause },
  );
}

/** Packs of a backup are not where they belong. */
export function missingPacks(count: number, total: number): BackupError {
  return new BackupError(
    "missing",
    `${count} of this backup's ${total} packs cannot be found. The folder "packs" belongs beside the archive: copy it there too, or make an archive that needs none with "burrow backup create --whole".`,
  );
}

/** Packs of a backup are not at the bucket any more. `where` is for people. */
export function missingFromBucket(count: number, total: number, where: string): BackupError {
  return new BackupError(
    "missing",
    `${count} of this backup's ${total} packs are not in ${where}. Without them its uploaded files cannot be restored: use another backup ("burrow backup list" shows them), or put back what was removed below "packs".`,
  );
}

/** An object of the bucket, or a file of it, is not what was signed. */
export function changedObject(key: string): BackupError {
  return new BackupError("tampered", `${key} in the bucket was changed. Nothing of the backup was used.`);
}
