import { createLine } from "../../../host/turns.ts";
import type { Log } from "../../../host/log.ts";
import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import { invalidParam, MatrixError, notFound } from "../matrix-error.ts";
import type { Stream } from "../store/stream.ts";
import { type BackedUpKey, createBackedUpKeys, type KeyChange } from "./backed-up-keys.ts";

/**
 * Backups of room keys (specification §Server-side key backups). A user may have several versions; the newest is
 * current, and only that one takes keys. A version is an opaque string that is never given out twice. A version
 * that is not there, or not any more, is 404 M_NOT_FOUND everywhere.
 */
export interface KeyBackups {
  /** Makes a new version, which is the current one from now on, and gives it. */
  create(userId: string, settings: BackupSettings): Promise<string>;
  /** The version, or the current one. */
  get(userId: string, version?: string): KeyBackup;
  /** Replaces `authData`; 400 M_INVALID_PARAM for another algorithm. */
  update(userId: string, version: string, settings: BackupSettings): Promise<void>;
  /** Succeeds also where it was deleted before. */
  remove(userId: string, version: string): Promise<void>;
  /** The account is gone. Inside a write. */
  removeAll(transaction: Transaction, userId: string): void;
  /** Adds keys, each where it is better than what is there; 403 M_WRONG_ROOM_KEYS_VERSION unless the version is current. */
  putKeys(userId: string, version: string, keys: readonly BackedUpKey[]): Promise<KeyStock>;
  /** Removes one key, the keys of a room, or all. */
  removeKeys(userId: string, version: string, roomId?: string, sessionId?: string): Promise<KeyStock>;
  /** One key as JSON; 404 M_NOT_FOUND where there is none. */
  key(userId: string, version: string, roomId: string, sessionId: string): string;
  /** The keys of a room or of all, as JSON in small pieces: see BackedUpKeys.read. */
  readKeys(userId: string, version: string, roomId?: string): Generator<string>;
  /** Takes up the sweeping that the last run did not finish. */
  resume(): void;
  /** Stops sweeping. */
  close(): Promise<void>;
}

export interface BackupSettings {
  readonly algorithm: string;
  readonly authData: JsonObject;
}

/** What every change of keys answers. `etag` is another whenever a key is. */
export interface KeyStock {
  readonly count: number;
  readonly etag: string;
}

export interface KeyBackup extends BackupSettings, KeyStock {
  readonly version: string;
}

interface Row {
  version: number;
  algorithm: string;
  authData: string;
  etag: number;
  count: number;
  deleted: number;
}

/** A write takes so many keys at most: others get their turn in between. */
const keysAWrite = 200;

export function createKeyBackups(parts: { database: Database; stream: Stream; log: Log }): KeyBackups {
  const { database, stream, log } = parts;
  const keys = createBackedUpKeys(database);
  const columns = "version, algorithm, auth_data AS authData, etag, count, deleted";
  const current = database.prepare<Row>(
    `SELECT ${columns} FROM key_backups INDEXED BY key_backups_in_use
     WHERE user = ? AND deleted = 0 ORDER BY version DESC LIMIT 1`,
  );
  const find = database.prepare<Row>(`SELECT ${columns} FROM key_backups WHERE version = ? AND user = ?`);
  const versionsOf = database.prepare<{ version: number }>(
    "SELECT version FROM key_backups WHERE user = ? AND deleted = 0",
  );
  const insert = database.prepare(
    `INSERT INTO key_backups (version, user, algorithm, auth_data, etag, count, deleted)
     VALUES (?1, ?2, ?3, ?4, ?1, 0, 0)`,
  );
  const setAuthData = database.prepare("UPDATE key_backups SET auth_data = ? WHERE version = ?");
  const setStock = database.prepare("UPDATE key_backups SET count = ?, etag = ? WHERE version = ?");
  const empty = database.prepare(
    "UPDATE key_backups SET auth_data = '{}', count = 0, deleted = 1 WHERE version = ?",
  );
  const closing = new AbortController();

  /** Also a deleted one; undefined where there never was any. */
  function lookUp(userId: string, version: string): Row | undefined {
    return /^[1-9]\d{0,14}$/.test(version) ? find.get(Number(version), userId) : undefined;
  }

  function require(userId: string, version: string): Row {
    const row = lookUp(userId, version);
    if (!row || row.deleted === 1) throw notFound("You have no backup of this version.");
    return row;
  }

  function requireCurrent(userId: string, version: string): Row {
    const newest = current.get(userId);
    const asked = lookUp(userId, version);
    if (!newest || !asked) throw notFound("You have no backup of this version.");
    if (newest.version === asked.version) return newest;
    throw new MatrixError(403, "M_WRONG_ROOM_KEYS_VERSION", "There is a newer backup: use that one.", {
      current_version: String(newest.version),
    });
  }

  function settle(transaction: Transaction, { version, count, etag }: Row, change: KeyChange): KeyStock {
    if (!change.changed) return { count, etag: String(etag) };
    const stock = { count: count + change.difference, etag: stream.next(transaction) };
    setStock.run(stock.count, stock.etag, version);
    return { count: stock.count, etag: String(stock.etag) };
  }

  function drop(transaction: Transaction, version: number): void {
    keys.remove(version);
    empty.run(version);
    transaction.afterCommit(sweepSoon);
  }

  // In many small writes: a large backup is gone at once for its owner, and from the disk without holding anybody up.
  const sweeping = createLine(async () => {
    while (!closing.signal.aborted && keys.hasLeftovers()) await database.write(() => keys.sweep());
  });

  function sweepSoon(): void {
    if (closing.signal.aborted) return;
    sweeping.run().catch((error: unknown) => log.error("matrix.key-backups.sweep-failed", { error }));
  }

  return {
    create: (userId, { algorithm, authData }) =>
      database.write((transaction) => {
        const version = stream.next(transaction);
        insert.run(version, userId, algorithm, JSON.stringify(authData));
        return String(version);
      }),
    get(userId, version) {
      const row = version === undefined ? current.get(userId) : require(userId, version);
      if (!row) throw notFound("You have no backup of your keys.");
      return {
        version: String(row.version),
        algorithm: row.algorithm,
        authData: JSON.parse(row.authData) as JsonObject,
        count: row.count,
        etag: String(row.etag),
      };
    },
    update: (userId, version, { algorithm, authData }) =>
      database.write(() => {
        const row = require(userId, version);
        if (row.algorithm !== algorithm) {
          throw invalidParam("The algorithm of a backup stays: make a new backup for another one.");
        }
        setAuthData.run(JSON.stringify(authData), row.version);
      }),
    remove: (userId, version) =>
      database.write((transaction) => {
        const row = lookUp(userId, version);
        if (!row) throw notFound("You have no backup of this version.");
        if (row.deleted === 0) drop(transaction, row.version);
      }),
    removeAll(transaction, userId) {
      for (const { version } of versionsOf.all(userId)) drop(transaction, version);
    },
    async putKeys(userId, version, all) {
      let stock: KeyStock;
      let start = 0;
      do {
        const some = all.slice(start, start + keysAWrite);
        stock = await database.write((transaction) => {
          const row = requireCurrent(userId, version);
          return settle(transaction, row, keys.put(row.version, some));
        });
        start += keysAWrite;
      } while (start < all.length);
      return stock;
    },
    removeKeys: (userId, version, roomId, sessionId) =>
      database.write((transaction) => {
        const row = require(userId, version);
        const change = keys.remove(row.version, roomId, sessionId);
        if (change.changed) transaction.afterCommit(sweepSoon);
        return settle(transaction, row, change);
      }),
    key(userId, version, roomId, sessionId) {
      const found = keys.find(require(userId, version).version, roomId, sessionId);
      if (found === undefined) throw notFound("The backup has no key of this session.");
      return found;
    },
    readKeys: (userId, version, roomId) => keys.read(require(userId, version).version, roomId),
    resume: sweepSoon,
    async close() {
      closing.abort();
      await sweeping.ended();
    },
  };
}
