import {
  type Allowance,
  failuresAt,
  notAhead,
  nothingSpent,
  type Spent,
  spendOne,
  waitOf,
} from "../../../shared/guess-budget.ts";

/** What has been used up by one source, account, browser or network: in memory, and told to the store as it changes. */
export interface Budgets {
  open(key: string, allowance: Allowance): Budget;
  /** What is remembered, by keys. */
  list(): (readonly [key: string, spent: Spent])[];
  /** Forgets those that the key matches. */
  clear(matches: (key: string) => boolean): void;
}

export interface Budget {
  /** The wrong tries that count now, those under way among them. */
  failures(now: number): number;
  /** In how many ms the next try may come. */
  wait(now: number): number;
  /** Whether this very wrong secret was tried before: trying it again is no new guess. */
  knows(digest: () => string): boolean;
  /** Takes one of the few repetitions, or says in how many ms there will be one. */
  repeat(now: number): number;
  /** A try begins. `end` is called once. */
  begin(): { end(wrong: string | undefined, now: number): void };
  reset(): void;
}

interface Entry {
  spent: Spent;
  pending: number;
  /** Digests of the last wrong secrets. */
  wrong: readonly string[];
  repeats: { readonly level: number; readonly at: number };
}

/** Entries of some 500 bytes each. Beyond it those go first that have used up least. */
const mostEntries = 10_000;
/** A household has a few stale clients, an attacker no use for more. */
const wrongKept = 16;
/** A stale client that asks every half minute goes unnoticed; a thousand repetitions must not cost a KDF call each. */
const repeatsAtOnce = 5;
const repeatEvery = 30_000;
/** How long a try that comes beside others of the last allowed one is put off, ms. */
const besideOthers = 1_000;

export function createBudgets(options: {
  load: Iterable<readonly [key: string, spent: Spent]>;
  changed: (key: string, spent: Spent | undefined) => void;
}): Budgets {
  const { changed } = options;
  const entries = new Map<string, Entry>();
  for (const [key, spent] of options.load) entries.set(key, emptyEntry(spent));

  function find(key: string): Entry {
    const known = entries.get(key);
    if (known) return known;
    if (entries.size >= mostEntries) makeRoom();
    const entry = emptyEntry(nothingSpent);
    entries.set(key, entry);
    return entry;
  }

  function makeRoom(): void {
    const least = [...entries]
      .filter(([, entry]) => entry.pending === 0)
      .toSorted(([, a], [, b]) => a.spent.failures - b.spent.failures || a.spent.at - b.spent.at);
    for (const [key] of least.slice(0, mostEntries / 2)) drop(key);
  }

  function drop(key: string): void {
    entries.delete(key);
    changed(key, undefined);
  }

  return {
    open(key, allowance) {
      // Looked up again at each use: it may have been forgotten in between.
      function peek(now: number): Entry {
        const entry = entries.get(key) ?? emptyEntry(nothingSpent);
        entry.spent = notAhead(entry.spent, now);
        return entry;
      }
      return {
        failures(now) {
          const { spent, pending } = peek(now);
          return failuresAt(spent, allowance, now) + pending;
        },
        wait(now) {
          const { spent, pending } = peek(now);
          const wait = waitOf(spent, allowance, now);
          if (wait > 0 || pending === 0) return wait;
          return failuresAt(spent, allowance, now) + pending < allowance.free ? 0 : besideOthers;
        },
        knows(digest) {
          const wrong = entries.get(key)?.wrong ?? noneWrong;
          return wrong.length > 0 && wrong.includes(digest());
        },
        repeat(now) {
          const entry = find(key);
          const { level, at } = entry.repeats;
          const refilled = Math.min(repeatsAtOnce, level + Math.max(0, now - at) / repeatEvery);
          entry.repeats = { level: refilled < 1 ? refilled : refilled - 1, at: now };
          return refilled < 1 ? Math.ceil((1 - refilled) * repeatEvery) : 0;
        },
        begin() {
          const entry = find(key);
          entry.pending += 1;
          return {
            end(wrong, now) {
              entry.pending -= 1;
              if (wrong === undefined || entry.wrong.includes(wrong)) return;
              entry.spent = spendOne(entry.spent, allowance, now);
              entry.wrong = [...entry.wrong, wrong].slice(-wrongKept);
              if (entries.get(key) === entry) changed(key, entry.spent);
            },
          };
        },
        reset() {
          const entry = entries.get(key);
          if (!entry || entry.spent === nothingSpent) return;
          // Not dropped: others may be trying beside it.
          entry.spent = nothingSpent;
          changed(key, undefined);
        },
      };
    },
    list: () => [...entries].map(([key, { spent }]) => [key, spent] as const),
    clear(matches) {
      for (const key of entries.keys()) if (matches(key)) drop(key);
    },
  };
}

// Most entries never need their own.
const noneWrong: readonly string[] = [];
const allRepeats = { level: repeatsAtOnce, at: 0 };

function emptyEntry(spent: Spent): Entry {
  return { spent, pending: 0, wrong: noneWrong, repeats: allRepeats };
}
