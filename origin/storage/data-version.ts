import type { Database } from "./database.ts";

/**
 * How long the answer of another process's writes is believed, ms: of fifty requests that come together each would ask
 * again, and asking costs more than anything else that is done for most of them.
 */
const trusted = 1;

/** Whether another connection has committed since this was last asked, or a millisecond before. Throws what SQLite throws. */
export function watchDataVersion(database: Database): () => boolean {
  // Differs from call to call exactly when another connection has committed in between.
  const dataVersion = database.prepare<{ data_version: number }>("PRAGMA data_version");
  let version = dataVersion.get()?.data_version;
  let askedAt = performance.now();
  return function hasChanged() {
    const now = performance.now();
    if (now - askedAt < trusted) return false;
    const current = dataVersion.get()?.data_version;
    askedAt = now;
    if (current === version) return false;
    version = current;
    return true;
  };
}
