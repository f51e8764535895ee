import { setImmediate as turn } from "node:timers/promises";
import { createLine } from "../host/turns.ts";
import type { BlobStore, StoredBlob } from "./blobs.ts";
import type { Database } from "./database.ts";
import type { Transaction, WriteOptions } from "./writer.ts";

/**
 * A blob store beside the database of the app that it belongs to: each blob is noted there before it has its name, and
 * counted by the rows that need it. A crash at any moment leaves at worst a note that no row needs, and the next start
 * deletes it.
 */
export interface KeptBlobs {
  /**
   * Keeps the content, and then, in one transaction, the rows that need it: `keep` has the rows' answer. When it
   * throws, or the content does, nothing stays.
   */
  put<T>(
    source: Uint8Array | AsyncIterable<Uint8Array>,
    limit: number,
    keep: (blob: StoredBlob, transaction: Transaction) => T,
    options?: WriteOptions,
  ): Promise<T>;
  /** The same with a complete file, which moves into the store. `note` is written before it does. */
  adopt<T>(
    file: string,
    note: (blob: StoredBlob, transaction: Transaction) => void,
    keep: (blob: StoredBlob, transaction: Transaction) => T,
  ): Promise<T>;
  open: BlobStore["open"];
  has: BlobStore["has"];
  size: BlobStore["size"];
  pathOf: BlobStore["pathOf"];
  /** Deletes what no row needs any more, some at a time: call it after rows were deleted. */
  collect(): Promise<void>;
  /** Deletes the blobs of the folder that are in no table, where a restore asked for it. */
  searchAfterRestore(): Promise<void>;
  /** Waits for a deletion under way. */
  close(): Promise<void>;
}

/** Blobs deleted between two turns of the event loop. */
const atATime = 20;

export interface KeptBlobsOptions {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly tables: {
    /** `(hash TEXT PRIMARY KEY, size INTEGER, refs INTEGER DEFAULT 0)`: every blob, and how many rows need it. */
    readonly blobs: string;
    /** `(wanted INTEGER)`, one row: whether a restore asked to look for blobs that no table knows. */
    readonly search: string;
  };
  /** Inside the write that forgets a blob: takes what was derived from it. */
  readonly forgetAlso?: (hash: string) => void;
  /** What nobody waits for: a deletion that failed; the next one tries again. */
  readonly onError: (error: unknown) => void;
}

export function createKeptBlobs(options: KeptBlobsOptions): KeptBlobs {
  const { database, blobs, tables, forgetAlso, onError } = options;
  const note = database.prepare(
    `INSERT INTO ${tables.blobs} (hash, size) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING`,
  );
  const unneeded = database.prepare<{ hash: string }>(
    `SELECT hash FROM ${tables.blobs} WHERE refs = 0 LIMIT ?`,
  );
  const isUnneeded = database.prepare(`SELECT 1 FROM ${tables.blobs} WHERE hash = ? AND refs = 0`);
  const isKnown = database.prepare(`SELECT 1 FROM ${tables.blobs} WHERE hash = ?`);
  const forget = database.prepare(`DELETE FROM ${tables.blobs} WHERE hash = ? AND refs = 0`);
  const isSearchWanted = database.prepare(`SELECT 1 FROM ${tables.search} WHERE wanted = 1`);
  const endSearch = database.prepare(`UPDATE ${tables.search} SET wanted = 0`);
  const names = createNameLines();
  let closing = false;

  /** Runs `store` with a hook that notes the blob and holds its name until the rows are written. */
  async function keeping<T>(
    store: (before: (blob: StoredBlob) => Promise<void>) => Promise<StoredBlob>,
    alsoNote: (blob: StoredBlob, transaction: Transaction) => void,
    keep: (blob: StoredBlob, transaction: Transaction) => T,
    how?: WriteOptions,
  ): Promise<T> {
    let release: (() => void) | undefined;
    try {
      const blob = await store(async (known) => {
        release = await names.take(known.hash);
        await database.write((transaction) => {
          note.run(known.hash, known.size);
          alsoNote(known, transaction);
        }, how);
      });
      return await database.write((transaction) => keep(blob, transaction), how);
    } catch (error) {
      release?.();
      release = undefined;
      collecting.run().catch(onError);
      throw error;
    } finally {
      release?.();
    }
  }

  async function remove(hash: string): Promise<void> {
    const release = await names.take(hash);
    try {
      // Between the look at the list and now somebody may have uploaded the same content again.
      if (!isUnneeded.get(hash)) return;
      await blobs.delete(hash);
      const write = (): void => {
        forgetAlso?.(hash);
        forget.run(hash);
      };
      await database.write(write, { patient: true });
    } finally {
      release();
    }
  }

  async function collectAll(): Promise<void> {
    for (;;) {
      const found = unneeded.all(atATime);
      if (closing) return;
      await Promise.all(found.map(({ hash }) => remove(hash)));
      if (found.length === 0) return;
      await turn();
    }
  }

  // What comes to be unneeded meanwhile is found by the next look at the list.
  const collecting = createLine(collectAll);

  return {
    put: (source, limit, keep, how) =>
      keeping(
        (before) => blobs.put(source, { limit, before }),
        () => {},
        keep,
        how,
      ),
    adopt: (file, alsoNote, keep) => keeping((before) => blobs.adopt(file, { before }), alsoNote, keep),
    open: (hash, range) => blobs.open(hash, range),
    has: (hash) => blobs.has(hash),
    size: (hash) => blobs.size(hash),
    pathOf: (hash) => blobs.pathOf(hash),
    collect: () => collecting.run(),
    async searchAfterRestore() {
      if (!isSearchWanted.get()) return;
      for await (const hash of blobs.names()) {
        if (closing) return;
        const release = await names.take(hash);
        if (!isKnown.get(hash)) await blobs.delete(hash);
        release();
      }
      await database.write(() => void endSearch.run());
    },
    async close() {
      closing = true;
      await collecting.ended();
    },
  };
}

/** One holder of a name at a time, the others in the order in which they came. */
function createNameLines(): { take(name: string): Promise<() => void> } {
  const last = new Map<string, Promise<void>>();
  return {
    async take(name) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const before = last.get(name);
      last.set(name, promise);
      await before;
      return () => {
        if (last.get(name) === promise) last.delete(name);
        resolve();
      };
    },
  };
}
