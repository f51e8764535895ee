import type { IncomingMessage } from "node:http";
import type { EdgeProof, EdgeVerdict } from "../../http/edge-proof.ts";
import type { Database } from "../../storage/database.ts";

/** What is counted since the start of this process. */
export interface Counters {
  /** Answers by the first digit of their status. */
  readonly answers: ReadonlyMap<number, number>;
  /** Attempts at a secret, by what became of them. */
  readonly guesses: ReadonlyMap<"ok" | "failed", number>;
  readonly databases: ReadonlyMap<string, WriteCount>;
  /** The key that the edge signed its last accepted request with, and when (Unix milliseconds). */
  lastKey(): { readonly keyid: string; readonly at: number } | undefined;
  /** The same proof, counting: every answer passes it exactly once, whoever writes it. */
  countAnswers(proof: EdgeProof): EdgeProof;
  /** The same database, counting. */
  countWrites(database: Database): Database;
}

export interface WriteCount {
  writes: number;
  /** Transactions, each with one fsync: how well the group commit groups is writes over commits. */
  commits: number;
  /** Writes that were undone, by their own doing or because the disk failed. */
  failed: number;
}

export function createCounters(now: () => number): Counters {
  const answers = new Map<number, number>();
  const guesses = new Map<"ok" | "failed", number>();
  const databases = new Map<string, WriteCount>();
  let lastKey: { keyid: string; at: number } | undefined;

  return {
    answers,
    guesses,
    databases,
    lastKey: () => lastKey,
    countAnswers: (proof) => ({
      verify(incoming: IncomingMessage): EdgeVerdict {
        const verdict = proof.verify(incoming);
        if (verdict.proof === "accepted") lastKey = { keyid: verdict.keyid, at: now() };
        return verdict;
      },
      replyHeader(verdict, status, guess = "none") {
        increase(answers, Math.floor(status / 100));
        if (guess !== "none") increase(guesses, guess);
        return proof.replyHeader(verdict, status, guess);
      },
      diagnosis: () => proof.diagnosis(),
    }),
    countWrites(database) {
      const count: WriteCount = { writes: 0, commits: 0, failed: 0 };
      databases.set(database.name, count);
      database.beforeCommit(() => void (count.commits += 1));
      return {
        ...database,
        write(work, how) {
          count.writes += 1;
          const written = database.write(work, how);
          written.catch(() => (count.failed += 1));
          return written;
        },
      };
    },
  };
}

function increase<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
