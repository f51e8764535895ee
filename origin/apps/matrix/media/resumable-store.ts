import type { Database } from "../../../storage/database.ts";

/** An upload in parts, as the database knows it. */
export interface ResumableRow {
  readonly id: string;
  /** The member's user id. */
  readonly holder: string;
  /** Bytes that it will have. */
  readonly length: number;
  /** As it was declared. */
  readonly type: string;
  readonly name: string | null;
  /** Unix ms. */
  readonly expiresAt: number;
  /** SHA-256, once it is complete. */
  readonly hash: string | null;
  /** The media id that it became. */
  readonly media: string | null;
}

/** All but `find`, `open` and `expired` inside a write. */
export interface ResumableStore {
  find(id: string): ResumableRow | undefined;
  insert(row: ResumableRow): void;
  setHash(id: string, hash: string): void;
  setMedia(id: string, media: string): void;
  extend(id: string, expiresAt: number): void;
  remove(id: string): void;
  /** The member's unfinished ones, and the bytes that they will have. */
  open(holder: string): { readonly count: number; readonly bytes: number };
  expired(now: number, limit: number): string[];
}

export function createResumableStore(database: Database): ResumableStore {
  const find = database.prepare<ResumableRow>(
    "SELECT id, holder, length, type, name, expires_at AS expiresAt, hash, media FROM media_resumable WHERE id = ?",
  );
  const insert = database.prepare(
    "INSERT INTO media_resumable (id, holder, length, type, name, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const setHash = database.prepare("UPDATE media_resumable SET hash = ? WHERE id = ?");
  const setMedia = database.prepare("UPDATE media_resumable SET media = ? WHERE id = ?");
  const extend = database.prepare("UPDATE media_resumable SET expires_at = ? WHERE id = ?");
  const remove = database.prepare("DELETE FROM media_resumable WHERE id = ?");
  const open = database.prepare<{ count: number; bytes: number }>(
    `SELECT count(*) AS count, coalesce(sum(length), 0) AS bytes
       FROM media_resumable WHERE holder = ? AND media IS NULL`,
  );
  const expired = database.prepare<{ id: string }>(
    "SELECT id FROM media_resumable WHERE expires_at <= ? LIMIT ?",
  );
  return {
    find: (id) => find.get(id),
    insert: (row) => void insert.run(row.id, row.holder, row.length, row.type, row.name, row.expiresAt),
    setHash: (id, hash) => void setHash.run(hash, id),
    setMedia: (id, media) => void setMedia.run(media, id),
    extend: (id, expiresAt) => void extend.run(expiresAt, id),
    remove: (id) => void remove.run(id),
    open: (holder) => open.get(holder) ?? { count: 0, bytes: 0 },
    expired: (now, limit) => expired.all(now, limit).map(({ id }) => id),
  };
}
