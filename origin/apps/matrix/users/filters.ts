import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import { canonicalJson } from "../events/canonical-json.ts";
import type { JsonObject } from "../events/event.ts";
import { tooLarge } from "../matrix-error.ts";
import { type Filter, parseFilter } from "../sync/filter.ts";

/** The filters that a user's clients have stored (specification §Filtering). */
export interface Filters {
  /** Validates (400 M_BAD_JSON or M_INVALID_PARAM, 413 M_TOO_LARGE beyond 64 KiB) and keeps it; the same filter gets the same id. */
  add(userId: string, definition: JsonObject): Promise<string>;
  /** Ready to be used by /sync; undefined when the user has none of that id. */
  get(userId: string, id: string): Filter | undefined;
  /** As it was stored. */
  definition(userId: string, id: string): JsonObject | undefined;
  /** All of the user's. */
  erase(transaction: Transaction, userId: string): void;
}

/** Bytes of JSON. A filter is gone through at every sync. */
const largestDefinition = 65_536;

/** Compiled filters kept in memory: a few clients each use one at every sync. */
const capacity = 256;

export function createFilters(database: Database): Filters {
  const same = database.prepare<{ id: number }>("SELECT id FROM filters WHERE user = ? AND definition = ?");
  const insert = database.prepare<{ id: number }>(
    `INSERT INTO filters (user, id, definition)
     VALUES (?1, (SELECT coalesce(max(id), 0) + 1 FROM filters WHERE user = ?1), ?2) RETURNING id`,
  );
  const find = database.prepare<{ definition: string }>(
    "SELECT definition FROM filters WHERE user = ? AND id = ?",
  );
  const drop = database.prepare("DELETE FROM filters WHERE user = ?");
  const compiled = new Map<string, Filter>();

  function definition(userId: string, id: string): JsonObject | undefined {
    // Anything else would be read as a number of SQLite's own making.
    if (!/^[1-9]\d{0,14}$/.test(id)) return undefined;
    const row = find.get(userId, Number(id));
    return row && (JSON.parse(row.definition) as JsonObject);
  }

  return {
    async add(userId, wanted) {
      parseFilter(wanted);
      const text = canonicalJson(wanted);
      if (Buffer.byteLength(text) > largestDefinition) throw tooLarge("A filter may have at most 64 KiB.");
      const known = same.get(userId, text);
      if (known) return String(known.id);
      // Two clients may store the same filter at once.
      return database.write(() => String((same.get(userId, text) ?? insert.all(userId, text)[0])?.id));
    },
    get(userId, id) {
      const key = `${userId}\0${id}`;
      const known = compiled.get(key);
      if (known) return known;
      const stored = definition(userId, id);
      if (!stored) return undefined;
      const filter = parseFilter(stored);
      if (compiled.size >= capacity) compiled.clear();
      compiled.set(key, filter);
      return filter;
    },
    definition,
    erase(transaction, userId) {
      drop.run(userId);
      transaction.afterCommit(() => compiled.clear());
    },
  };
}
