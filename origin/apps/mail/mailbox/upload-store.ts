import type { Database } from "../../../storage/database.ts";
import type { KeptBlobs } from "../../../storage/kept-blobs.ts";

export interface Upload {
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
  readonly type: string;
}

/** What a client has uploaded and no email needs yet (RFC 8620 §6.1). */
export interface UploadStore {
  /** Throws BlobTooLargeError. */
  put(account: number, source: AsyncIterable<Uint8Array>, type: string, limit: number): Promise<Upload>;
  find(account: number, hash: string): Upload | undefined;
  /** Bytes of all of an account's. */
  bytesOf(account: number): number;
  /** Forgets those whose time is over; their blobs go with the next `collect`. */
  expire(): Promise<void>;
}

/** RFC 8620 §6.1: an hour at least. A draft that is being written over lunch keeps its attachments. */
const lifetime = 24 * 60 * 60 * 1000;

export function createUploadStore(database: Database, blobs: KeptBlobs, now: () => number): UploadStore {
  const insert = database.prepare(
    `INSERT INTO uploads (account, hash, size, type, expires_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET type = excluded.type, expires_at = excluded.expires_at`,
  );
  const openAccount = database.prepare("INSERT INTO accounts (id) VALUES (?) ON CONFLICT DO NOTHING");
  const select = database.prepare<Upload>(
    "SELECT hash, size, type FROM uploads WHERE account = ? AND hash = ? AND expires_at > ?",
  );
  const sum = database.prepare<{ bytes: number }>(
    "SELECT coalesce(sum(size), 0) AS bytes FROM uploads WHERE account = ?",
  );
  const remove = database.prepare("DELETE FROM uploads WHERE expires_at <= ?");
  return {
    put: (account, source, type, limit) =>
      blobs.put(source, limit, ({ hash, size }) => {
        openAccount.run(account);
        insert.run(account, hash, size, type, now() + lifetime);
        return { hash, size, type };
      }),
    find: (account, hash) => select.get(account, hash, now()),
    bytesOf: (account) => sum.get(account)?.bytes ?? 0,
    async expire() {
      await database.write(() => void remove.run(now()));
    },
  };
}
