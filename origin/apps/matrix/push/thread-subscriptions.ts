import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import { MatrixError } from "../matrix-error.ts";
import type { Room } from "../rooms/room.ts";
import type { Stream } from "../store/stream.ts";
import type { Waiters } from "../sync/waiters.ts";
import type { UserRules } from "../users/user-rules.ts";
import { withThreadRules } from "./rule-set.ts";

/** Which threads members want to hear of (MSC4306). A thread is named by its root's event id. */
export interface ThreadSubscriptions {
  /** Undefined where there is none. */
  get(userId: string, room: Room, root: string): { readonly automatic: boolean } | undefined;
  /**
   * Begins one: by the member's own wish, or, with `causedAt`, because of the event at that position, which leaves a
   * wished one as it is. Throws 409 when the member has ended it after that event.
   */
  subscribe(transaction: Transaction, userId: string, room: Room, root: string, causedAt?: number): void;
  /** Ends it, where there is one. */
  unsubscribe(transaction: Transaction, userId: string, room: Room, root: string): void;
  subscribers(room: number, root: string): ReadonlySet<string>;
  /** The newest `limit` changes in (after, upTo], newest first; `more`: there are older ones in that range. */
  changesSince(userId: string, after: number, upTo: number, limit: number): ThreadChanges;
}

export interface ThreadChanges {
  readonly changes: readonly ThreadChange[];
  readonly more: boolean;
}

export interface ThreadChange {
  readonly roomId: string;
  readonly root: string;
  readonly so: number;
  readonly automatic: boolean;
  readonly subscribed: boolean;
}

interface Row {
  automatic: number;
  ended_at: number | null;
}

export function createThreadSubscriptions(parts: {
  database: Database;
  stream: Stream;
  waiters: Waiters;
  userRules: UserRules;
}): ThreadSubscriptions {
  const { database, stream, waiters, userRules } = parts;
  const find = database.prepare<Row>(
    "SELECT automatic, ended_at FROM thread_subscriptions WHERE user = ? AND room = ? AND root = ?",
  );
  const save = database.prepare(
    `INSERT INTO thread_subscriptions (user, room, root, automatic, so) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET automatic = excluded.automatic, so = excluded.so, ended_at = NULL`,
  );
  const end = database.prepare(
    "UPDATE thread_subscriptions SET so = ?1, ended_at = ?1 WHERE user = ?2 AND room = ?3 AND root = ?4",
  );
  const ofThread = database.prepare<{ user: string }>(
    "SELECT user FROM thread_subscriptions WHERE root = ? AND room = ? AND ended_at IS NULL",
  );
  const changes = database.prepare<Row & { room_id: string; root: string; so: number }>(
    `SELECT r.room_id, s.root, s.so, s.automatic, s.ended_at
     FROM thread_subscriptions s JOIN rooms r ON r.nid = s.room
     WHERE s.user = ? AND s.so > ? AND s.so <= ? ORDER BY s.so DESC LIMIT ?`,
  );

  const tell = (transaction: Transaction, userId: string, so: number): void =>
    transaction.afterCommit(() => waiters.notify([userId], so));

  return {
    get(userId, room, root) {
      const row = find.get(userId, room.nid, root);
      return row?.ended_at === null ? { automatic: row.automatic === 1 } : undefined;
    },
    subscribe(transaction, userId, room, root, causedAt) {
      const known = find.get(userId, room.nid, root);
      const automatic = causedAt !== undefined;
      if (known?.ended_at === null && (automatic || known.automatic === 0)) return;
      if (automatic && known && known.ended_at !== null && causedAt <= known.ended_at) {
        throw new MatrixError(
          409,
          "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION",
          "You have unsubscribed from this thread since that event.",
        );
      }
      const so = stream.next(transaction);
      save.run(userId, room.nid, root, automatic ? 1 : 0, so);
      tell(transaction, userId, so);
      // A client of the member knows subscriptions: from now on they say what rings.
      userRules.revise(transaction, userId, withThreadRules);
    },
    unsubscribe(transaction, userId, room, root) {
      if (find.get(userId, room.nid, root)?.ended_at !== null) return;
      const so = stream.next(transaction);
      end.run(so, userId, room.nid, root);
      tell(transaction, userId, so);
    },
    subscribers: (room, root) => new Set(ofThread.all(root, room).map(({ user }) => user)),
    changesSince(userId, after, upTo, limit) {
      const rows = changes.all(userId, after, upTo, limit + 1);
      return {
        changes: rows.slice(0, limit).map((row) => ({
          roomId: row.room_id,
          root: row.root,
          so: row.so,
          automatic: row.automatic === 1,
          subscribed: row.ended_at === null,
        })),
        more: rows.length > limit,
      };
    },
  };
}

/** Changes as clients get them (MSC4308): by room and thread. */
export function showThreadChanges(changes: readonly ThreadChange[]): {
  subscribed?: Record<string, Record<string, { automatic: boolean; bump_stamp: number }>>;
  unsubscribed?: Record<string, Record<string, { bump_stamp: number }>>;
} {
  const shown: ReturnType<typeof showThreadChanges> = {};
  for (const { roomId, root, so, automatic, subscribed } of changes) {
    if (subscribed) ((shown.subscribed ??= {})[roomId] ??= {})[root] = { automatic, bump_stamp: so };
    else ((shown.unsubscribed ??= {})[roomId] ??= {})[root] = { bump_stamp: so };
  }
  return shown;
}
