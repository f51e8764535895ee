import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";

/** The one sequence of facts. A position names everything that happened at or before it, in every room and stream. */
export interface Stream {
  /** The next position; only inside a write. */
  next(transaction: Transaction): number;
  /** The last position that is on disk: everything up to it can be read. */
  current(): number;
  /** Whether the position was given out after a backup that has since been restored: its facts are gone. */
  isLost(position: number): boolean;
}

export function createStream(database: Database): Stream {
  const read = database.prepare<{ position: number }>("SELECT position FROM stream WHERE id = 1");
  const save = database.prepare("UPDATE stream SET position = ? WHERE id = 1");
  const lost = database
    .prepare<{ after: number; upTo: number }>("SELECT after, up_to AS upTo FROM lost_positions")
    .all();
  let committed = read.get()?.position ?? 0;
  let allocated = committed;
  let saved = committed;
  // The mark is kept apart from the facts: a fact may be deleted (to-device), its position must not come again.
  database.beforeCommit(() => {
    if (allocated > saved) save.run(allocated);
    saved = allocated;
  });
  return {
    next(transaction) {
      const position = ++allocated;
      transaction.afterCommit(() => {
        if (position > committed) committed = position;
      });
      transaction.onRollback(() => {
        // After a failed commit the mark on disk is the old one: let the next commit write it again.
        saved = committed;
      });
      return position;
    },
    current: () => committed,
    isLost: (position) => lost.some(({ after, upTo }) => position > after && position < upTo),
  };
}
