import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { MembershipStore } from "../rooms/membership-store.ts";
import type { Stream } from "../store/stream.ts";
import type { Waiters } from "../sync/waiters.ts";

/** Whose devices a client must look up again (specification §Tracking the device list for a user). */
export interface DeviceLists {
  /** The user's device keys changed: tells everyone who shares a room with them, and the user's own devices. */
  noteChange(transaction: Transaction, userId: string): void;
  /** The user's keys look different to one reader, who has signed them. */
  noteChangeFor(transaction: Transaction, userId: string, reader: string): void;
  /** Forgets whose keys the reader has signed. */
  erase(transaction: Transaction, reader: string): void;
  /**
   * What happened after the position until now. `changed`: users (oneself too) whose devices changed while they
   * share a room, or who share one now and did not then. `left`: the other way round. The end is always now: only a user's
   * newest change is kept, so an earlier end could lose it, while hearing twice costs a client one query.
   */
  changes(userId: string, after: number): DeviceListChanges;
}

export interface DeviceListChanges {
  readonly changed: string[];
  readonly left: string[];
}

const everyone = "";

/** Whether `m`, a row of memberships, was `join` at the position: the row itself, or the state that held before it. */
const joinedAt = (m: string, position: string): string =>
  `CASE WHEN ${m}.so <= ${position} THEN ${m}.membership = 'join' ELSE EXISTS (
     SELECT 1 FROM state s JOIN events e ON e.so = s.from_so
     WHERE s.room = ${m}.room AND s.type = 'm.room.member' AND s.state_key = ${m}.user
       AND s.from_so <= ${position} AND s.to_so > ${position}
       AND json_extract(e.pdu, '$.content.membership') = 'join') END`;

export function createDeviceLists(parts: {
  database: Database;
  stream: Stream;
  waiters: Waiters;
  memberships: MembershipStore;
}): DeviceLists {
  const { database, stream, waiters, memberships } = parts;
  const note = database.prepare(
    `INSERT INTO device_list_changes (user, reader, so) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET so = excluded.so`,
  );
  const drop = database.prepare("DELETE FROM device_list_changes WHERE reader = ?");
  const noted = database.prepare<{ user: string; reader: string }>(
    "SELECT user, reader FROM device_list_changes WHERE so > ?",
  );
  // By position and not by user: what happened since is little, the user's rooms may be many.
  const moved = database.prepare<{ user: string; room: number }>(
    "SELECT user, room FROM memberships INDEXED BY memberships_by_position WHERE so > ?",
  );
  const membership = database.prepare<{ room: number }>(
    "SELECT room FROM memberships WHERE user = ? AND room = ? AND (membership = 'join' OR so > ?)",
  );
  const companions = database.prepare<{ user: string }>(
    "SELECT user FROM memberships WHERE room = ? AND (membership = 'join' OR so > ?)",
  );
  const sharedAt = database.prepare<{ found: number }>(
    `SELECT 1 AS found FROM memberships mine JOIN memberships other ON other.room = mine.room AND other.user = ?2
     WHERE mine.user = ?1 AND ${joinedAt("mine", "?3")} AND ${joinedAt("other", "?3")} LIMIT 1`,
  );

  /** Everyone with whom the user may have begun or ceased to share a room since. */
  function candidates(userId: string, after: number): Set<string> {
    const found = new Set<string>();
    const mine = new Map<number, boolean>();
    const concerned = (room: number): boolean => {
      let answer = mine.get(room);
      if (answer === undefined) mine.set(room, (answer = membership.get(userId, room, after) !== undefined));
      return answer;
    };
    for (const row of moved.all(after)) {
      if (row.user === userId) for (const { user } of companions.all(row.room, after)) found.add(user);
      else if (concerned(row.room)) found.add(row.user);
    }
    found.delete(userId);
    return found;
  }

  return {
    noteChange(transaction, userId) {
      const so = stream.next(transaction);
      note.run(userId, everyone, so);
      const concerned = memberships.sharers(userId).add(userId);
      transaction.afterCommit(() => waiters.notify(concerned, so));
    },
    noteChangeFor(transaction, userId, reader) {
      const so = stream.next(transaction);
      note.run(userId, reader, so);
      transaction.afterCommit(() => waiters.notify([reader], so));
    },
    erase: (_transaction, reader) => void drop.run(reader),
    changes(userId, after) {
      const changed = new Set<string>();
      const left: string[] = [];
      for (const { user, reader } of noted.all(after)) {
        if (reader !== everyone) {
          if (reader === userId) changed.add(user);
        } else if (user === userId || memberships.shareRoom(userId, user)) changed.add(user);
      }
      for (const user of candidates(userId, after)) {
        const before = sharedAt.get(userId, user, after) !== undefined;
        const now = memberships.shareRoom(userId, user);
        if (now && !before) changed.add(user);
        if (before && !now) left.push(user);
      }
      return { changed: [...changed], left };
    },
  };
}
