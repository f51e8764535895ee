import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Json, JsonObject } from "../events/event.ts";
import { tooLarge } from "../matrix-error.ts";
import type { Stream } from "../store/stream.ts";
import type { Waiters } from "../sync/waiters.ts";

/** What a user's clients keep on the server (specification §Client config). `room` is rooms.nid, 0 for none. */
export interface AccountData {
  /** Undefined: there is none, or it was taken away. */
  get(userId: string, room: number, type: string): JsonObject | undefined;
  /** Replaces the content and wakes the user's devices; an empty one takes the data away (MSC3391). Throws 413 M_TOO_LARGE beyond 256 KiB. */
  set(transaction: Transaction, userId: string, room: number, type: string, content: JsonObject): void;
  /** Takes the user's own data of this type away, without telling: for what nobody is there to read any more. */
  remove(transaction: Transaction, userId: string, type: string): void;
  /** Takes away at most `limit` of all that there is, without telling. Returns how many it were. */
  erase(transaction: Transaction, userId: string, limit: number): number;
  /**
   * What was set in (after, upTo], of all rooms at once. The content of `m.push_rules` is only what the user
   * changed: what a client gets is `UserRules.json`.
   */
  changesSince(userId: string, after: number, upTo: number): AccountDataEntry[];
  /** All that there is. */
  all(userId: string): AccountDataEntry[];
  ofRoom(userId: string, room: number): AccountDataEntry[];
  /** Whom the user does not want to hear (`m.ignored_user_list`). */
  ignored(userId: string): ReadonlySet<string>;
}

export interface AccountDataEntry {
  readonly room: number;
  readonly type: string;
  readonly content: JsonObject;
  readonly so: number;
}

interface Row {
  room: number;
  type: string;
  content: string;
  so: number;
}

/** Bytes of JSON. Every device gets all of it at its first sync, and the server reads some at every event. */
const largestContent = 262_144;

/** The row of what was taken away stays: clients that hold the data must hear of it. */
const present = "content <> '{}'";

const ignoredUserList = "m.ignored_user_list";
const nobody: ReadonlySet<string> = new Set();

export function createAccountData(parts: {
  database: Database;
  stream: Stream;
  waiters: Waiters;
}): AccountData {
  const { database, stream, waiters } = parts;
  const find = database.prepare<{ content: string }>(
    `SELECT content FROM account_data WHERE user = ? AND room = ? AND type = ? AND ${present}`,
  );
  const save = database.prepare(
    `INSERT INTO account_data (user, room, type, content, so) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET content = excluded.content, so = excluded.so`,
  );
  const remove = database.prepare("DELETE FROM account_data WHERE user = ? AND room = 0 AND type = ?");
  const erase = database.prepare(
    `DELETE FROM account_data WHERE user = ?1 AND (room, type) IN
       (SELECT room, type FROM account_data WHERE user = ?1 LIMIT ?2)`,
  );
  const changes = database.prepare<Row>(
    "SELECT room, type, content, so FROM account_data WHERE user = ? AND so > ? AND so <= ? ORDER BY so",
  );
  const all = database.prepare<Row>(
    `SELECT room, type, content, so FROM account_data WHERE user = ? AND ${present}`,
  );
  const inRoom = database.prepare<Row>(
    `SELECT room, type, content, so FROM account_data WHERE user = ? AND room = ? AND ${present}`,
  );
  // Asked for every member at every event.
  const ignoredBy = new Map<string, ReadonlySet<string>>();
  /** By user, the position after which nothing of theirs was set; for the others it is the one of the start. */
  const newest = new Map<string, number>();
  const started = stream.current();

  function get(userId: string, room: number, type: string): JsonObject | undefined {
    const row = find.get(userId, room, type);
    return row && (JSON.parse(row.content) as JsonObject);
  }

  function forgetIgnored(transaction: Transaction, userId: string, type: string): void {
    if (type !== ignoredUserList) return;
    ignoredBy.delete(userId);
    transaction.onRollback(() => void ignoredBy.delete(userId));
  }

  return {
    get,
    set(transaction, userId, room, type, content) {
      const text = JSON.stringify(content);
      if (Buffer.byteLength(text) > largestContent) {
        throw tooLarge("Account data of one type may have at most 256 KiB.");
      }
      const so = stream.next(transaction);
      save.run(userId, room, type, text, so);
      newest.set(userId, so);
      if (room === 0) forgetIgnored(transaction, userId, type);
      transaction.afterCommit(() => waiters.notify([userId], so));
    },
    remove(transaction, userId, type) {
      remove.run(userId, type);
      forgetIgnored(transaction, userId, type);
    },
    erase(transaction, userId, limit) {
      forgetIgnored(transaction, userId, ignoredUserList);
      return erase.run(userId, limit).changes;
    },
    changesSince: (userId, after, upTo) =>
      after >= (newest.get(userId) ?? started) ? [] : changes.all(userId, after, upTo).map(toEntry),
    all: (userId) => all.all(userId).map(toEntry),
    ofRoom: (userId, room) => inRoom.all(userId, room).map(toEntry),
    ignored(userId) {
      let ignored = ignoredBy.get(userId);
      if (!ignored) {
        ignored = listed(get(userId, 0, ignoredUserList)?.["ignored_users"]);
        ignoredBy.set(userId, ignored);
      }
      return ignored;
    },
  };
}

const toEntry = (row: Row): AccountDataEntry => ({ ...row, content: JSON.parse(row.content) as JsonObject });

/** Clients write the list, so it may be anything. */
function listed(users: Json | undefined): ReadonlySet<string> {
  if (typeof users !== "object" || users === null || Array.isArray(users)) return nobody;
  const names = Object.keys(users);
  return names.length === 0 ? nobody : new Set(names);
}
