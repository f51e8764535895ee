import type { Log } from "../../../host/log.ts";
import { inParallel } from "../../../host/in-parallel.ts";
import type { S3Object } from "../../../host/s3/s3-bucket.ts";
import { diskFaultOf } from "../../../storage/disk-fault.ts";
import type { StoredBlob } from "../../../storage/blobs.ts";
import type { KeptBlobs } from "../../../storage/kept-blobs.ts";
import { CommitError, type Transaction } from "../../../storage/writer.ts";
import type { ArrivalStore } from "./arrival-store.ts";
import { largestObject, type MailBucket, MailBucketError } from "./bucket.ts";
import { takenAt } from "./read-envelope.ts";

/** What one look into the bucket found and did. */
export interface FetchReport {
  /** Messages that are on this disk now, and their bytes. */
  fetched: number;
  bytes: number;
  /** Objects that were there before this look and are only removed from the bucket. */
  repeated: number;
  /** Messages that could not be fetched and are still in the bucket. */
  left: number;
  /** Unix ms, when the edge took the oldest of them. */
  oldestLeft: number | null;
  /** Objects that are not the edge's, or too large: they are left alone. */
  strays: number;
}

/** Bodies that are on their way at once; each holds a few buffers, whatever its size. */
export const fetchedAtOnce = 32;
/** Removed by one request. */
const removedAtOnce = 250;

/**
 * Fetches everything: each object is on this disk, with its row, before it is removed from the bucket, and a row is
 * never made twice (R2). So a crash between any two steps leaves either the object, or the row, or both, and the next
 * look goes on from there.
 *
 * Throws MailBucketError, or what the disk says, when it is no use to go on.
 */
export async function fetchArrivals(options: {
  bucket: MailBucket;
  blobs: Pick<KeptBlobs, "put">;
  arrivals: ArrivalStore;
  log: Log;
  /** Called whenever one has landed. */
  onLanded: (report: Readonly<FetchReport>) => void;
}): Promise<FetchReport> {
  const { bucket, blobs, arrivals, log, onLanded } = options;
  const report: FetchReport = { fetched: 0, bytes: 0, repeated: 0, left: 0, oldestLeft: null, strays: 0 };
  let landed: string[] = [];
  let removing = Promise.resolve();
  let removalFault: unknown;

  function removeSoon(): void {
    const objects = landed;
    landed = [];
    removing = removing.then(() => remove(objects));
  }

  /** Where it is refused, what has arrived is fetched all the same, and the fault told of at the end. */
  async function remove(objects: readonly string[]): Promise<void> {
    if (removalFault !== undefined) return;
    try {
      const left = new Set(await bucket.remove(objects));
      await arrivals.noteRemoved(objects.filter((object) => !left.has(object)));
    } catch (error) {
      removalFault = error;
    }
  }

  async function land({ key, bytes }: S3Object): Promise<void> {
    try {
      const object = await bucket.get(key, bytes);
      if (!object) return;
      const { envelope, body, size: noted } = object;
      const keep = (blob: StoredBlob, transaction: Transaction): void => {
        if (blob.size !== bytes) throw new Error(`${bytes} bytes were listed, and ${blob.size} came.`);
        arrivals.land(transaction, key, envelope, blob);
        report.bytes += blob.size;
      };
      await blobs.put(body, largestObject, keep, { patient: true });
      if (noted !== bytes) log.warn("mail.size-differs", { object: key, noted, bytes });
    } catch (error) {
      if (isHopeless(error)) throw error;
      log.warn("mail.not-fetched", { object: key, error });
      report.left += 1;
      report.oldestLeft = Math.min(report.oldestLeft ?? Number.POSITIVE_INFINITY, takenAt(key) ?? 0);
      return;
    }
    report.fetched += 1;
    landed.push(key);
    if (landed.length >= removedAtOnce) removeSoon();
    onLanded(report);
  }

  // Of an earlier look that was cut short; usually there are none.
  await remove(arrivals.unremoved(1000));
  for await (const page of bucket.pages()) {
    const ours = page.filter(({ key, bytes }) => takenAt(key) !== undefined && bytes <= largestObject);
    report.strays += page.length - ours.length;
    const known = arrivals.known(ours.map(({ key }) => key));
    report.repeated += known.size;
    landed.push(...known);
    try {
      await inParallel(
        ours.filter(({ key }) => !known.has(key)),
        fetchedAtOnce,
        land,
      );
    } finally {
      removeSoon();
      await removing;
    }
  }
  if (removalFault !== undefined) throw removalFault;
  return report;
}

/** Of the bucket or the disk as a whole, not of one object. */
function isHopeless(error: unknown): boolean {
  if (error instanceof MailBucketError) return error.fault !== "unusable";
  return error instanceof CommitError || diskFaultOf(error) !== undefined;
}
