import { setImmediate as turn } from "node:timers/promises";
import type { MediaStore } from "./media-store.ts";

/** Rows deleted in one transaction. */
const atATime = 100;

/** Deletes media whose time is over, and those unused for `days` (0: those never), some at a time. */
export async function removeOldMedia(store: MediaStore, days: number, signal: AbortSignal): Promise<void> {
  const unusedSince = days === 0 ? undefined : store.today() - days;
  while (!signal.aborted && (await store.removeOld(unusedSince, atATime)) > 0) await turn();
}
