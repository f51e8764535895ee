import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import { canonicalJson } from "../events/canonical-json.ts";
import type { Json } from "../events/event.ts";
import { invalidParam } from "../matrix-error.ts";

/** `<algorithm>:<key id>` taken apart, with the key. */
export interface NamedKey {
  readonly algorithm: string;
  readonly keyId: string;
  readonly key: Json;
}

/** What a device still has to give, as every /sync reports it. */
export interface KeySupply {
  readonly counts: Readonly<Record<string, number>>;
  readonly unusedFallbackTypes: readonly string[];
}

/** One-time and fallback keys (specification §One-time and fallback keys). All but `supply` only inside a write. */
export interface OneTimeKeys {
  add(transaction: Transaction, userId: string, deviceId: string, keys: readonly NamedKey[]): void;
  setFallback(transaction: Transaction, userId: string, deviceId: string, keys: readonly NamedKey[]): void;
  /** Takes the oldest key of the algorithm, else the fallback key. */
  claim(transaction: Transaction, userId: string, deviceId: string, algorithm: string): NamedKey | undefined;
  removeDevice(transaction: Transaction, userId: string, deviceId: string): void;
  supply(userId: string, deviceId: string): KeySupply;
}

interface KeyRow {
  key_id: string;
  key: string;
}

export function createOneTimeKeys(database: Database): OneTimeKeys {
  const find = database.prepare<KeyRow>(
    "SELECT key_id, key FROM one_time_keys WHERE user = ? AND device = ? AND algorithm = ? AND key_id = ?",
  );
  const insert = database.prepare(
    "INSERT INTO one_time_keys (user, device, algorithm, key_id, key) VALUES (?, ?, ?, ?, ?)",
  );
  const take = database.prepare<KeyRow>(
    `DELETE FROM one_time_keys WHERE ordinal = (
       SELECT ordinal FROM one_time_keys WHERE user = ? AND device = ? AND algorithm = ? ORDER BY ordinal LIMIT 1
     ) RETURNING key_id, key`,
  );
  const countKeys = database.prepare<{ algorithm: string; count: number }>(
    "SELECT algorithm, count(*) AS count FROM one_time_keys WHERE user = ? AND device = ? GROUP BY algorithm",
  );
  // The same key again is a repeated request, not a new key: it stays used.
  const saveFallback = database.prepare(
    `INSERT INTO fallback_keys (user, device, algorithm, key_id, key, used) VALUES (?, ?, ?, ?, ?, 0)
     ON CONFLICT DO UPDATE SET used = used AND key_id = excluded.key_id AND key = excluded.key,
       key_id = excluded.key_id, key = excluded.key`,
  );
  const useFallback = database.prepare<KeyRow>(
    `UPDATE fallback_keys SET used = 1 WHERE user = ? AND device = ? AND algorithm = ? RETURNING key_id, key`,
  );
  const unusedFallback = database.prepare<{ algorithm: string }>(
    "SELECT algorithm FROM fallback_keys WHERE user = ? AND device = ? AND used = 0",
  );
  const removeKeys = database.prepare("DELETE FROM one_time_keys WHERE user = ? AND device = ?");
  const removeFallback = database.prepare("DELETE FROM fallback_keys WHERE user = ? AND device = ?");
  // Every /sync answer bears it, and it changes rarely.
  const supplies = new Map<string, KeySupply>();

  function changed(transaction: Transaction, userId: string, deviceId: string): void {
    const key = `${userId}\0${deviceId}`;
    supplies.delete(key);
    transaction.onRollback(() => void supplies.delete(key));
  }

  return {
    add(transaction, userId, deviceId, keys) {
      for (const { algorithm, keyId, key } of keys) {
        const known = find.get(userId, deviceId, algorithm, keyId);
        if (!known) insert.run(userId, deviceId, algorithm, keyId, JSON.stringify(key));
        else if (unsignedText(JSON.parse(known.key) as Json) !== unsignedText(key)) {
          throw invalidParam(`One-time key ${algorithm}:${keyId} already exists with another value.`);
        }
      }
      if (keys.length > 0) changed(transaction, userId, deviceId);
    },
    setFallback(transaction, userId, deviceId, keys) {
      for (const { algorithm, keyId, key } of keys) {
        saveFallback.run(userId, deviceId, algorithm, keyId, canonicalJson(key));
      }
      if (keys.length > 0) changed(transaction, userId, deviceId);
    },
    claim(transaction, userId, deviceId, algorithm) {
      const row = take.all(userId, deviceId, algorithm)[0] ?? useFallback.all(userId, deviceId, algorithm)[0];
      if (!row) return undefined;
      changed(transaction, userId, deviceId);
      return { algorithm, keyId: row.key_id, key: JSON.parse(row.key) as Json };
    },
    removeDevice(transaction, userId, deviceId) {
      removeKeys.run(userId, deviceId);
      removeFallback.run(userId, deviceId);
      changed(transaction, userId, deviceId);
    },
    supply(userId, deviceId) {
      const key = `${userId}\0${deviceId}`;
      const known = supplies.get(key);
      if (known) return known;
      const counts: Record<string, number> = { signed_curve25519: 0 };
      for (const { algorithm, count } of countKeys.all(userId, deviceId)) counts[algorithm] = count;
      const unusedFallbackTypes = unusedFallback.all(userId, deviceId).map((row) => row.algorithm);
      const supply = { counts, unusedFallbackTypes };
      supplies.set(key, supply);
      return supply;
    },
  };
}

/** Signing again gives another signature of the same key: only the key itself must be the same. */
function unsignedText(key: Json): string {
  if (typeof key !== "object" || key === null || Array.isArray(key)) return canonicalJson(key);
  const { signatures: _, unsigned: __, ...rest } = key;
  return canonicalJson(rest);
}
