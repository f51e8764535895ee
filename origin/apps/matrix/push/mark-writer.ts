import type { Log } from "../../../host/log.ts";
import type { Database } from "../../../storage/database.ts";
import type { Pusher, PusherMark, Pushers } from "./pushers.ts";

/** One message rings many phones: what they have all got is written down in one commit. */
export interface MarkWriter {
  /** Settles once the mark is on disk, or could not be written. */
  save(pusher: Pusher, mark: PusherMark): Promise<void>;
  /** Writes what waits, now. */
  flush(): Promise<void>;
}

const gatherMs = 50;

export function createMarkWriter(database: Database, pushers: Pushers, log: Log): MarkWriter {
  let waiting: (() => void)[] = [];
  let gathering: { done: Promise<void>; timer: NodeJS.Timeout; write: () => void } | undefined;

  function gather(): NonNullable<typeof gathering> {
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const write = (): void => {
      const saves = waiting;
      waiting = [];
      gathering = undefined;
      database
        .write(() => {
          for (const save of saves) save();
        })
        // What was sent is sent: at worst it is sent again after a restart.
        .catch((error: unknown) => log.warn("matrix.push.mark-not-written", { error }))
        .finally(resolve);
    };
    return { done, write, timer: setTimeout(write, gatherMs) };
  }

  return {
    save(pusher, mark) {
      waiting.push(() => pushers.saveMark(pusher, mark));
      return (gathering ??= gather()).done;
    },
    async flush() {
      if (!gathering) return;
      const { timer, write, done } = gathering;
      clearTimeout(timer);
      write();
      await done;
    },
  };
}
