import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";

/**
 * Members who had themselves erased (specification §account/deactivate): what they said is shown stripped to whoever
 * could not read it before.
 */
export interface ErasedUsers {
  /** The position at which it happened; undefined for everyone else. */
  erasedAt(userId: string): number | undefined;
  add(transaction: Transaction, userId: string, so: number): void;
}

export function createErasedUsers(database: Database): ErasedUsers {
  const insert = database.prepare("INSERT INTO erased_users (user, so) VALUES (?, ?) ON CONFLICT DO NOTHING");
  // Asked for every event that is shown, and there are few.
  const known = new Map(
    database
      .prepare<{ user: string; so: number }>("SELECT user, so FROM erased_users")
      .all()
      .map(({ user, so }) => [user, so]),
  );
  return {
    erasedAt: (userId) => known.get(userId),
    add(transaction, userId, so) {
      if (insert.run(userId, so).changes === 0) return;
      transaction.afterCommit(() => known.set(userId, so));
    },
  };
}
