import type { Database } from "../../storage/database.ts";

/** Sources from which somebody has signed in: a neighbour's probes must not lock a household out (row E3). */
export interface Trusted {
  has(source: string): boolean;
  /** Never throws; written later. */
  see(source: string): void;
  tidy(): Promise<void>;
  close(): Promise<void>;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const TRUSTED_FOR = 30 * DAY_MS;
/** How old what is on disk may be. */
const WRITTEN_AFTER = DAY_MS;
const MOST = 5_000;

export function openTrusted(database: Database, now: () => number): Trusted {
  const seen = new Map<string, number>();
  const stored = database.prepare<{ source: string; seen_at: number }>("SELECT * FROM trusted").all();
  for (const { source, seen_at } of stored) seen.set(source, seen_at);
  const write = database.prepare("INSERT OR REPLACE INTO trusted (source, seen_at) VALUES (?, ?)");
  const erase = database.prepare("DELETE FROM trusted WHERE source = ?");
  const underWay = new Set<Promise<unknown>>();

  return {
    has: (source) => now() - (seen.get(source) ?? Number.NEGATIVE_INFINITY) < TRUSTED_FOR,
    see(source) {
      const known = seen.get(source);
      if (known !== undefined && Math.abs(now() - known) < WRITTEN_AFTER) return;
      if (known === undefined && seen.size >= MOST) return;
      seen.set(source, now());
      const writing = database
        .write(() => void write.run(source, now()))
        // In memory it holds; the next day writes it again.
        .catch(() => undefined)
        .finally(() => underWay.delete(writing));
      underWay.add(writing);
    },
    async tidy() {
      const old = [...seen].filter(([, at]) => now() - at >= TRUSTED_FOR).map(([source]) => source);
      for (const source of old) seen.delete(source);
      if (old.length > 0) await database.write(() => old.forEach((source) => erase.run(source)));
    },
    async close() {
      await Promise.all(underWay);
    },
  };
}
