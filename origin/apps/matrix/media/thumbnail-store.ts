import type { Database } from "../../../storage/database.ts";

export interface ThumbnailRow {
  readonly hash: string;
  readonly type: string;
  readonly size: number;
  readonly usedOn: number;
}

/** The thumbnails that were made, by their picture's hash and what they are of it. */
export interface ThumbnailStore {
  find(source: string, variant: string): ThumbnailRow | undefined;
  /** Inside a write. Not for a picture that is gone meanwhile: nobody would ever delete it. */
  insert(source: string, variant: string, row: ThumbnailRow): void;
  touch(source: string, variant: string, day: number): Promise<void>;
  /** Deletes those unused since the day, and the longest unused ones of what is past `mostBytes`. */
  trim(unusedSince: number, mostBytes: number): Promise<void>;
}

const atATime = 100;

export function createThumbnailStore(database: Database): ThumbnailStore {
  const find = database.prepare<ThumbnailRow>(
    "SELECT hash, type, size, used_on AS usedOn FROM media_thumbnails WHERE source = ? AND variant = ?",
  );
  const insert = database.prepare(
    `INSERT INTO media_thumbnails (source, variant, hash, size, type, used_on)
       SELECT ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM media_blobs WHERE hash = ? AND refs > 0)
       ON CONFLICT DO NOTHING`,
  );
  const touch = database.prepare("UPDATE media_thumbnails SET used_on = ? WHERE source = ? AND variant = ?");
  const usage = database.prepare<{ bytes: number }>(
    "SELECT bytes FROM media_usage WHERE holder = 'thumbnails'",
  );
  const oldest = database.prepare<{ source: string; variant: string; usedOn: number; size: number }>(
    "SELECT source, variant, used_on AS usedOn, size FROM media_thumbnails ORDER BY used_on LIMIT ?",
  );
  const remove = database.prepare("DELETE FROM media_thumbnails WHERE source = ? AND variant = ?");

  return {
    find: (source, variant) => find.get(source, variant),
    insert(source, variant, { hash, size, type, usedOn }) {
      insert.run(source, variant, hash, size, type, usedOn, source);
    },
    touch: (source, variant, day) => database.write(() => void touch.run(day, source, variant)),
    async trim(unusedSince, mostBytes) {
      for (let removed = atATime; removed === atATime; ) {
        removed = await database.write(() => {
          let excess = (usage.get()?.bytes ?? 0) - mostBytes;
          const out = oldest.all(atATime).filter(({ usedOn, size }) => {
            const goes = excess > 0 || usedOn < unusedSince;
            if (goes) excess -= size;
            return goes;
          });
          for (const { source, variant } of out) remove.run(source, variant);
          return out.length;
        });
      }
    },
  };
}
