import { createLine } from "../host/turns.ts";
import type { MemberChange, Members } from "./members.ts";

/** An app that draws the consequences of what happens to members, wherever it was done. */
export interface FollowMembers {
  /** Resolves once every change so far is followed. */
  settle(): Promise<void>;
  /** Stops, after the write that is under way. What is left is followed at the next start. */
  close(): Promise<void>;
}

const changesAtOnce = 100;
const retryAfterMs = 5000;

/** Follows the members' list of changes from where it stood, also over a restart. */
export function followChanges(options: {
  readonly members: Pick<Members, "changesSince" | "onChange">;
  /** Of the last change that was followed. */
  readonly position: () => number;
  /**
   * Draws the consequences, and moves the position by it: a kill between the two has them drawn again. May leave the rest
   * of them for the next start where `isClosed`.
   */
  readonly follow: (changes: readonly MemberChange[], isClosed: () => boolean) => Promise<void>;
  /** Called for each failure; it is tried again. */
  readonly onError: (error: unknown) => void;
}): FollowMembers {
  const { members, position, follow, onError } = options;
  let closed = false;
  let retry: NodeJS.Timeout | undefined;

  async function catchUp(): Promise<void> {
    while (!closed) {
      const changes = members.changesSince(position(), changesAtOnce);
      if (changes.length === 0) return;
      await follow(changes, () => closed);
    }
  }

  // Two at once would follow the same change side by side.
  const line = createLine(catchUp);

  function followSoon(): void {
    line.run().catch((error: unknown) => {
      onError(error);
      if (closed) return;
      clearTimeout(retry);
      retry = setTimeout(followSoon, retryAfterMs).unref();
    });
  }

  const stopListening = members.onChange(followSoon);
  followSoon();
  return {
    settle: () => line.run(),
    close() {
      closed = true;
      stopListening();
      clearTimeout(retry);
      return line.ended();
    },
  };
}
