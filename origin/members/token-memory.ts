import type { Database } from "../storage/database.ts";

/**
 * What was read of access tokens, by their hashes, for as long as the database says the same: every request asks, and
 * a long-poll twice. Nothing is believed past a write of this process, nor past one of another (the command line, which
 * may end a session beside us) by more than a millisecond: of fifty that are woken together each would ask again whether
 * there was one. Only what was found is kept, so that nobody fills it with guesses.
 */
export interface TokenMemory<Found> {
  /** What `read` gives now, or gave when nothing was different. */
  recall(hash: Buffer, read: () => Found | undefined): Found | undefined;
}

/** Some 300 bytes each. */
const capacity = 2048;
/** ms */
const trusted = 1;

export function createTokenMemory<Found>(database: Database): TokenMemory<Found> {
  // Differs from call to call exactly when another connection has committed in between.
  const dataVersion = database.prepare<{ data_version: number }>("PRAGMA data_version");
  const found = new Map<string, Found>();
  let version = dataVersion.get()?.data_version;
  let askedAt = performance.now();

  // Before it is committed: nobody can ask between the two, and where it fails nothing is lost but the memory.
  database.beforeCommit(() => found.clear());

  function forgetOutdated(): void {
    const now = performance.now();
    if (now - askedAt < trusted) return;
    askedAt = now;
    const current = dataVersion.get()?.data_version;
    if (current === version) return;
    version = current;
    found.clear();
  }

  return {
    recall(hash, read) {
      forgetOutdated();
      const key = hash.toString("latin1");
      let known = found.get(key);
      if (known === undefined) {
        known = read();
        if (known === undefined) return undefined;
        if (found.size >= capacity) found.clear();
        found.set(key, known);
      }
      return known;
    },
  };
}
