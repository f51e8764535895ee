import type { Database } from "../../../storage/database.ts";
import type { JsonObject } from "../events/event.ts";

/** A room key as it lies in a backup: only its owner's devices can open it. */
export interface BackedUpKey {
  readonly roomId: string;
  readonly sessionId: string;
  readonly isVerified: boolean;
  readonly firstMessageIndex: number;
  readonly forwardedCount: number;
  readonly sessionData: JsonObject;
}

/** What a write did to a backup's keys. */
export interface KeyChange {
  /** Keys more, or less. */
  readonly difference: number;
  /** Whether what is stored is another now, be there as many as before. */
  readonly changed: boolean;
}

/**
 * The keys of all backups. A write costs what it changes: counts are kept, rooms are dropped as a whole and swept
 * away later. `version` is the backup's. What changes something, only inside a write.
 */
export interface BackedUpKeys {
  put(version: number, keys: readonly BackedUpKey[]): KeyChange;
  /** One key, the keys of a room, or all. */
  remove(version: number, roomId?: string, sessionId?: string): KeyChange;
  /** The key as JSON. */
  find(version: number, roomId: string, sessionId: string): string | undefined;
  /**
   * The answer's JSON, of a room (`{"sessions":…}`) or of all (`{"rooms":…}`), in small pieces. They are read as
   * they are asked for; what changes in between may or may not be among them.
   */
  read(version: number, roomId?: string): Generator<string>;
  /** Whether keys of removed rooms are still to be swept away. */
  hasLeftovers(): boolean;
  /** Deletes some of them. */
  sweep(): void;
}

interface RoomRow {
  nid: number;
  roomId: string;
  count: number;
}

interface SessionRow {
  session: string;
  verified: number;
  firstMessageIndex: number;
  forwardedCount: number;
  data: string;
}

/** Rows in one go: some ms, on a phone too. */
const rowsRead = 100;
const rowsSwept = 400;

const unchanged: KeyChange = { difference: 0, changed: false };

export function createBackedUpKeys(database: Database): BackedUpKeys {
  const columns = "nid, room_id AS roomId, count";
  const findRoom = database.prepare<RoomRow>(
    `SELECT ${columns} FROM key_backup_rooms WHERE version = ? AND room_id = ?`,
  );
  const allRooms = database.prepare<RoomRow>(
    `SELECT ${columns} FROM key_backup_rooms WHERE version = ? ORDER BY room_id`,
  );
  const addRoom = database.prepare("INSERT INTO key_backup_rooms (version, room_id, count) VALUES (?, ?, 0)");
  const countRoom = database.prepare("UPDATE key_backup_rooms SET count = count + ? WHERE nid = ?");
  const removeRoom = database.prepare("DELETE FROM key_backup_rooms WHERE nid = ?");
  const abandonRoom = database.prepare("UPDATE key_backup_rooms SET version = NULL WHERE nid = ?");
  const abandonAll = database.prepare("UPDATE key_backup_rooms SET version = NULL WHERE version = ?");
  const leftover = database.prepare<{ nid: number }>(
    "SELECT nid FROM key_backup_rooms INDEXED BY key_backup_leftovers WHERE version IS NULL LIMIT 1",
  );

  const sessionColumns = `session, verified, first_message_index AS firstMessageIndex,
    forwarded_count AS forwardedCount, data`;
  const findSession = database.prepare<SessionRow>(
    `SELECT ${sessionColumns} FROM key_backup_sessions WHERE room = ? AND session = ?`,
  );
  const nextSessions = database.prepare<SessionRow>(
    `SELECT ${sessionColumns} FROM key_backup_sessions WHERE room = ? AND session > ? ORDER BY session LIMIT ?`,
  );
  const addSession = database.prepare(
    `INSERT INTO key_backup_sessions (room, session, verified, first_message_index, forwarded_count, data)
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  // §Server-side key backups: the verified one, then the lower index, then the less forwarded; else what is there.
  const improveSession = database.prepare(
    `UPDATE key_backup_sessions SET verified = ?3, first_message_index = ?4, forwarded_count = ?5, data = ?6
     WHERE room = ?1 AND session = ?2
       AND (?3, -?4, -?5) > (verified, -first_message_index, -forwarded_count)`,
  );
  const removeSession = database.prepare("DELETE FROM key_backup_sessions WHERE room = ? AND session = ?");
  const sweepSessions = database.prepare(
    `DELETE FROM key_backup_sessions WHERE rowid IN
       (SELECT rowid FROM key_backup_sessions WHERE room = ? LIMIT ?)`,
  );

  function* sessionsOf(room: number): Generator<string> {
    let after = "";
    for (;;) {
      const rows = nextSessions.all(room, after, rowsRead);
      for (const row of rows) {
        yield `${after === "" ? "" : ","}${JSON.stringify(row.session)}:${keyJson(row)}`;
        after = row.session;
      }
      if (rows.length < rowsRead) return;
    }
  }

  return {
    put(version, keys) {
      let difference = 0;
      let changed = false;
      for (const [roomId, ofRoom] of Map.groupBy(keys, (key) => key.roomId)) {
        const nid = findRoom.get(version, roomId)?.nid ?? addRoom.run(version, roomId).lastInsertRowid;
        let added = 0;
        for (const key of ofRoom) {
          const { sessionId, isVerified, firstMessageIndex, forwardedCount } = key;
          const data = JSON.stringify(key.sessionData);
          const row = [nid, sessionId, isVerified ? 1 : 0, firstMessageIndex, forwardedCount, data] as const;
          if (addSession.run(...row).changes > 0) added += 1;
          else if (improveSession.run(...row).changes > 0) changed = true;
        }
        if (added > 0) countRoom.run(added, nid);
        difference += added;
      }
      return { difference, changed: changed || difference > 0 };
    },
    remove(version, roomId, sessionId) {
      if (roomId === undefined) {
        const count = allRooms.all(version).reduce((sum, room) => sum + room.count, 0);
        if (count === 0) return unchanged;
        abandonAll.run(version);
        return { difference: -count, changed: true };
      }
      const room = findRoom.get(version, roomId);
      if (!room) return unchanged;
      if (sessionId === undefined) {
        abandonRoom.run(room.nid);
        return { difference: -room.count, changed: true };
      }
      if (removeSession.run(room.nid, sessionId).changes === 0) return unchanged;
      if (room.count > 1) countRoom.run(-1, room.nid);
      else removeRoom.run(room.nid);
      return { difference: -1, changed: true };
    },
    find(version, roomId, sessionId) {
      const room = findRoom.get(version, roomId);
      const row = room && findSession.get(room.nid, sessionId);
      return row && keyJson(row);
    },
    *read(version, roomId) {
      if (roomId !== undefined) {
        const room = findRoom.get(version, roomId);
        yield '{"sessions":{';
        if (room) yield* sessionsOf(room.nid);
        yield "}}";
        return;
      }
      yield '{"rooms":{';
      for (const [index, room] of allRooms.all(version).entries()) {
        yield `${index === 0 ? "" : ","}${JSON.stringify(room.roomId)}:{"sessions":{`;
        yield* sessionsOf(room.nid);
        yield "}}";
      }
      yield "}}";
    },
    hasLeftovers: () => leftover.get() !== undefined,
    sweep() {
      const room = leftover.get();
      if (room && sweepSessions.run(room.nid, rowsSwept).changes < rowsSwept) removeRoom.run(room.nid);
    },
  };
}

const keyJson = (row: SessionRow): string =>
  `{"first_message_index":${row.firstMessageIndex},"forwarded_count":${row.forwardedCount},` +
  `"is_verified":${row.verified === 1},"session_data":${row.data}}`;
