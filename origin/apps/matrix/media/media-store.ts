import { randomBytes } from "node:crypto";
import type { Database } from "../../../storage/database.ts";

/** One `mxc://` of this server. */
export interface MediaRow {
  readonly id: string;
  /** The user id of whose quota it is, or `previews`. */
  readonly holder: string;
  /** SHA-256 of the content; null: it has not come yet. */
  readonly hash: string | null;
  /** Bytes. */
  readonly size: number;
  /** As it is served. */
  readonly type: string;
  /** 1: a browser may show it where it stands. */
  readonly shown: number;
  readonly name: string | null;
  /** Day of its last use, counted from 1970. */
  readonly usedOn: number;
  /** Unix ms; null: it stays. */
  readonly expiresAt: number | null;
}

export type NewMedia = Omit<MediaRow, "usedOn">;

export interface MediaStore {
  find(id: string): MediaRow | undefined;
  /** Inside a write. */
  insert(row: NewMedia): void;
  /** Inside a write: gives a media id its content. False when it has one, or is gone. */
  fill(id: string, content: Pick<MediaRow, "hash" | "size" | "type" | "shown" | "name">): boolean;
  /** Bytes that the holder's media take, each counted whole though its content be stored once. */
  usage(holder: string): number;
  /** Media ids whose content has not come and may still. */
  awaited(holder: string): number;
  /** Notes that it was used today; written once a day for each. */
  touch(row: MediaRow): Promise<void>;
  /** Deletes at most `limit` of those that expired, or were not used since the day; how many it were. */
  removeOld(unusedSince: number | undefined, limit: number): Promise<number>;
  today(): number;
}

const day = 24 * 60 * 60 * 1000;

/** 144 bits: nobody guesses the id of what they were not told of. */
export const newMediaId = (): string => randomBytes(18).toString("base64url");

export function createMediaStore(database: Database, now: () => number): MediaStore {
  const find = database.prepare<MediaRow>(
    `SELECT id, holder, hash, size, type, shown, name, used_on AS usedOn, expires_at AS expiresAt
       FROM media WHERE id = ?`,
  );
  const insert = database.prepare(
    `INSERT INTO media (id, holder, hash, size, type, shown, name, created_at, used_on, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const fill = database.prepare(
    `UPDATE media SET hash = ?, size = ?, type = ?, shown = ?, name = ?, used_on = ?, expires_at = NULL
       WHERE id = ? AND hash IS NULL`,
  );
  const usage = database.prepare<{ bytes: number }>("SELECT bytes FROM media_usage WHERE holder = ?");
  const awaited = database.prepare<{ count: number }>(
    "SELECT count(*) AS count FROM media WHERE holder = ? AND hash IS NULL AND expires_at > ?",
  );
  const touch = database.prepare("UPDATE media SET used_on = ? WHERE id = ?");
  const removeExpired = database.prepare(
    "DELETE FROM media WHERE id IN (SELECT id FROM media WHERE expires_at <= ? LIMIT ?)",
  );
  const removeUnused = database.prepare(
    `DELETE FROM media WHERE id IN (SELECT id FROM media INDEXED BY media_by_use
       WHERE hash IS NOT NULL AND expires_at IS NULL AND used_on < ? LIMIT ?)`,
  );
  const today = (): number => Math.floor(now() / day);

  return {
    find: (id) => find.get(id),
    insert({ id, holder, hash, size, type, shown, name, expiresAt }) {
      insert.run(id, holder, hash, size, type, shown, name, now(), today(), expiresAt);
    },
    fill(id, { hash, size, type, shown, name }) {
      return fill.run(hash, size, type, shown, name, today(), id).changes === 1;
    },
    usage: (holder) => usage.get(holder)?.bytes ?? 0,
    awaited: (holder) => awaited.get(holder, now())?.count ?? 0,
    async touch(row) {
      if (row.usedOn < today()) await database.write(() => void touch.run(today(), row.id));
    },
    removeOld: (unusedSince, limit) =>
      database.write(() => {
        const expired = removeExpired.run(now(), limit).changes;
        return expired + (unusedSince === undefined ? 0 : removeUnused.run(unusedSince, limit).changes);
      }),
    today,
  };
}
