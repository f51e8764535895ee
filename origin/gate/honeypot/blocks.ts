import type { Database } from "../../storage/database.ts";

/** A source that is refused, or was. */
export interface Block {
  /** In CIDR form. */
  readonly source: string;
  /** `probes`: the scanner's rules; `jail`: wrong secrets and unknown addresses; `owner`: the owner's word. */
  readonly kind: "probes" | "jail" | "owner";
  readonly since: number;
  readonly until: number;
  /** How often it was refused by now. */
  readonly times: number;
  readonly reason: string;
}

/** Who is refused, held in memory and in honeypot.db. */
export interface Blocks {
  /** Whether there are none, in force or remembered. */
  isEmpty(): boolean;
  /** The block in force. */
  find(source: string): Block | undefined;
  /** Those in force, the newest first. */
  list(): Block[];
  /** How often the source was refused before. */
  times(source: string): number;
  /** In force at once; kept when it resolves. */
  put(block: Omit<Block, "times">): Promise<Block>;
  /** False where there was none in force. It counts as if it had never been. */
  remove(source: string): Promise<boolean>;
  /** Another number after each change, also over a restart; never 0. */
  version(): number;
  onChange(listener: () => void): void;
  /** Forgets those that ended a while ago. */
  tidy(): Promise<void>;
}

/** In force at once; the edge's isolates each hold all of them. */
const MOST = 5_000;
const REMEMBERED_MS = 30 * 24 * 60 * 60 * 1000;

export function openBlocks(database: Database, now: () => number): Blocks {
  const known = new Map<string, Block>();
  for (const block of database.prepare<Block>("SELECT * FROM block").all()) known.set(block.source, block);
  const write = database.prepare(
    "INSERT OR REPLACE INTO block (source, kind, since, until, times, reason) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const erase = database.prepare("DELETE FROM block WHERE source = ?");
  const listeners: (() => void)[] = [];
  let version = now();
  const changed = (): void => {
    version += 1;
    for (const listener of listeners) listener();
  };
  const inForce = (block: Block | undefined): block is Block => block !== undefined && now() < block.until;
  const forget = (source: string): Promise<void> => {
    known.delete(source);
    return database.write(() => void erase.run(source));
  };

  async function makeRoom(): Promise<void> {
    if (known.size < MOST) return;
    const [soonest] = [...known.values()].toSorted((a, b) => a.until - b.until);
    if (soonest) await forget(soonest.source);
  }

  return {
    isEmpty: () => known.size === 0,
    find(source) {
      const block = known.get(source);
      return inForce(block) ? block : undefined;
    },
    list: () => [...known.values()].filter(inForce).toSorted((a, b) => b.since - a.since),
    times: (source) => known.get(source)?.times ?? 0,
    async put(given) {
      const { source, kind, since, until, reason } = given;
      const block: Block = { ...given, times: (known.get(source)?.times ?? 0) + 1 };
      known.set(source, block);
      changed();
      await makeRoom();
      await database.write(() => void write.run(source, kind, since, until, block.times, reason));
      return block;
    },
    async remove(source) {
      const was = inForce(known.get(source));
      await forget(source);
      if (was) changed();
      return was;
    },
    version: () => version,
    onChange: (listener) => void listeners.push(listener),
    async tidy() {
      for (const { source, until } of known.values()) if (until < now() - REMEMBERED_MS) await forget(source);
    },
  };
}
