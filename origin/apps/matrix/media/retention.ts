import type { Database } from "../../../storage/database.ts";
import { inSmallWrites } from "../../../storage/small-writes.ts";
import type { MediaStore } from "./media-store.ts";

/** Rows deleted in one transaction. */
const atATime = 100;

/** Deletes media whose time is over, and those unused for `days` (0: those never), some at a time. */
export function removeOldMedia(
  database: Database,
  store: MediaStore,
  days: number,
  signal: AbortSignal,
): Promise<void> {
  const unusedSince = days === 0 ? undefined : store.today() - days;
  return inSmallWrites(
    database,
    () => store.removeOld(unusedSince, atATime) > 0,
    () => signal.aborted,
  );
}
