import type { Database } from "../../../storage/database.ts";
import type { RoomEvent } from "../events/event.ts";
import type { Room } from "./room.ts";

/** The threads of a room in the order of their last replies. Kept by `append`, in the transaction of the event. */
export interface ThreadStore {
  /** The reply has been stored. */
  replied(room: Room, root: RoomEvent, reply: RoomEvent): void;
  /** The reply has been redacted, and its relation with it: without replies there is no thread. */
  unreplied(room: Room, rootId: string, reply: RoomEvent): void;
  /** Threads whose last reply stands at `upTo` or before, the latest first; of `participant` only, if named. */
  page(room: Room, request: ThreadsRequest): ThreadPlace[];
}

export interface ThreadsRequest {
  readonly upTo: number;
  readonly limit: number;
  /** Someone who sent the root or a reply. */
  readonly participant: string | undefined;
}

export interface ThreadPlace {
  readonly rootId: string;
  readonly latestSo: number;
}

export function createThreadStore(database: Database): ThreadStore {
  const save = database.prepare(
    `INSERT INTO threads (room, root_so, latest_so) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET latest_so = excluded.latest_so`,
  );
  const remove = database.prepare("DELETE FROM threads WHERE room = ? AND root_so = ?");
  const join = database.prepare(
    "INSERT OR IGNORE INTO thread_participants (room, user, root_so) VALUES (?, ?, ?)",
  );
  const part = database.prepare(
    "DELETE FROM thread_participants WHERE room = ? AND user = ? AND root_so = ?",
  );
  const rootOf = database.prepare<{ so: number; sender: string }>(
    "SELECT so, sender FROM events WHERE event_id = ? AND room = ?",
  );
  const latest = database.prepare<{ so: number | null }>(
    "SELECT MAX(so) AS so FROM events WHERE relates_to = ? AND rel_type = 'm.thread'",
  );
  const takesPart = database.prepare<{ found: number }>(
    "SELECT 1 AS found FROM events WHERE relates_to = ? AND rel_type = 'm.thread' AND sender = ? LIMIT 1",
  );
  const everyone = database.prepare<ThreadPlace>(
    `SELECT root.event_id AS rootId, t.latest_so AS latestSo
     FROM threads t CROSS JOIN events root ON root.so = t.root_so
     WHERE t.room = ? AND t.latest_so <= ? ORDER BY t.latest_so DESC LIMIT ?`,
  );
  // From the threads that the user took part in, which are few beside the room's events.
  const participated = database.prepare<ThreadPlace>(
    `SELECT root.event_id AS rootId, t.latest_so AS latestSo FROM thread_participants p
     CROSS JOIN threads t ON t.room = p.room AND t.root_so = p.root_so
     CROSS JOIN events root ON root.so = t.root_so
     WHERE p.room = ? AND p.user = ? AND t.latest_so <= ? ORDER BY t.latest_so DESC LIMIT ?`,
  );

  return {
    replied(room, root, reply) {
      save.run(room.nid, root.so, reply.so);
      join.run(room.nid, root.pdu.sender, root.so);
      join.run(room.nid, reply.pdu.sender, root.so);
    },
    unreplied(room, rootId, reply) {
      const root = rootOf.get(rootId, room.nid);
      if (!root) return;
      const left = latest.get(rootId)?.so ?? null;
      if (left === null) {
        remove.run(room.nid, root.so);
        part.run(room.nid, root.sender, root.so);
      } else {
        save.run(room.nid, root.so, left);
      }
      const { sender } = reply.pdu;
      if (sender !== root.sender && !takesPart.get(rootId, sender)) part.run(room.nid, sender, root.so);
    },
    page: (room, { upTo, limit, participant }) =>
      participant === undefined
        ? everyone.all(room.nid, upTo, limit)
        : participated.all(room.nid, participant, upTo, limit),
  };
}
