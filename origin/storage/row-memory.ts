import { watchDataVersion } from "./data-version.ts";
import type { Database } from "./database.ts";

/**
 * What was read of a database, by keys, for as long as the database says the same: every request asks who it is from,
 * and a long-poll twice. Nothing is believed past a write of this process, nor past one of another (the command line,
 * which may end a session beside us) by more than a millisecond. Only what was found is kept, so that nobody fills it
 * with guesses.
 */
export interface RowMemory<Found> {
  /** What `read` gives now, or gave when nothing was different. */
  recall(key: string, read: () => Found | undefined): Found | undefined;
}

/** Some 300 bytes each. */
const capacity = 2048;

export function createRowMemory<Found>(database: Database): RowMemory<Found> {
  const hasChanged = watchDataVersion(database);
  const found = new Map<string, Found>();

  // Before it is committed: nobody can ask between the two, and where it fails nothing is lost but the memory.
  database.beforeCommit(() => found.clear());

  return {
    recall(key, read) {
      if (hasChanged()) found.clear();
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
