import type { Complaint } from "../../shared/answers.ts";
import type { Log } from "../host/log.ts";
import { type DiskFault, diskFaultOf } from "../storage/disk-fault.ts";
import { CommitError } from "../storage/writer.ts";

/** What a client is told of a write that the disk did not take. It may send the same again later. */
export interface RefusedWrite extends Complaint {
  readonly fault: DiskFault | undefined;
}

const messages: Readonly<Record<DiskFault, string>> = {
  full: "The disk of this server is full: nothing new can be kept until its owner makes room. Reading still works; send this again later.",
  "read-only":
    "The disk of this server takes no writes at the moment, so nothing of this was kept. Its owner has to look after it; send this again later.",
  failing:
    "The disk of this server failed at this write, so nothing of it was kept. Its owner has to look after it; send this again later.",
};

/** A full disk refuses every request's write: the log, which fills the same disk, hears of it once in so long. */
const quietMs = 60_000;

/**
 * Tells refused writes apart from other errors; undefined for those. 507 (RFC 4918 §11.5) where there is no room,
 * else 503: both are taken as the server's passing state, so that clients keep what they wanted to send.
 */
export function createRefusedWrites(log: Log): (error: unknown) => RefusedWrite | undefined {
  let toldAt = Number.NEGATIVE_INFINITY;
  let untold = 0;
  return (error) => {
    const fault = diskFaultOf(error);
    if (!fault && !(error instanceof CommitError)) return undefined;
    const time = performance.now();
    untold += 1;
    if (time - toldAt >= quietMs) {
      log.error("storage.write-refused", {
        fault: fault ?? "unknown",
        refused: untold,
        error: String(error),
      });
      toldAt = time;
      untold = 0;
    }
    return {
      fault,
      status: fault === "full" ? 507 : 503,
      code: fault === "full" ? "disk_full" : "not_kept",
      errcode: "M_UNKNOWN",
      title: fault === "full" ? "The disk is full" : "This could not be kept",
      message: fault ? messages[fault] : "This could not be kept just now. Send it again.",
    };
  };
}
