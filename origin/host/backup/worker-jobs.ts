import type { KeyObject } from "node:crypto";
import type { BackupFault } from "./backup-error.ts";
import type { PackedArchive, PackJob } from "./pack-archive.ts";
import type { PackBlobsJob, PackedBlobs } from "./pack-blobs.ts";
import type { PrepareJob } from "./prepare-databases.ts";
import type { Snapshot } from "./snapshot.ts";
import type { UnpackedArchive, UnpackJob, VerifiedArchive } from "./unpack-archive.ts";

/** What the worker thread can do: job → [what it is given, what it answers]. All of it is work on files. */
export interface WorkerJobs {
  newIdentity: [null, { identity: string; recipient: string }];
  snapshot: [{ name: string; file: string; copy: string }, Snapshot];
  packBlobs: [PackBlobsJob, PackedBlobs];
  pack: [PackJob, PackedArchive];
  verify: [{ path: string; verifyKey: KeyObject; packFolders: readonly string[] }, VerifiedArchive];
  unpack: [UnpackJob, UnpackedArchive];
  prepare: [PrepareJob, { checked: number }];
  hash: [{ path: string }, { hash: string; bytes: number }];
}

export type JobName = keyof WorkerJobs;

export interface JobRequest {
  readonly id: number;
  readonly job: JobName;
  readonly input: unknown;
}

export type JobReply =
  | { readonly id: number; readonly kind: "progress"; readonly done: number; readonly total: number }
  | { readonly id: number; readonly kind: "done"; readonly result: unknown }
  | {
      readonly id: number;
      readonly kind: "failed";
      readonly fault: BackupFault | undefined;
      readonly message: string;
    };
