import { createHash } from "node:crypto";
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
  /**
   * Keys that are here already are left out, and so are those that were given out: a client that did not get the answer uploads
   * the same again, and by then somebody may have one.
   */
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

/** Of a device's keys that were given out: many more than a client offers at a time, which is 50 or 100. */
const mostRemembered = 500;

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
  const noteClaimed = database.prepare(
    "INSERT INTO claimed_keys (user, device, digest) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const wasClaimed = database.prepare(
    "SELECT 1 FROM claimed_keys WHERE user = ? AND device = ? AND digest = ?",
  );
  const forgetClaimed = database.prepare(
    `DELETE FROM claimed_keys WHERE user = ?1 AND device = ?2 AND ordinal NOT IN
       (SELECT ordinal FROM claimed_keys WHERE user = ?1 AND device = ?2 ORDER BY ordinal DESC LIMIT ?3)`,
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
  const removeClaimed = database.prepare("DELETE FROM claimed_keys WHERE user = ? AND device = ?");
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
        if (known) {
          if (unsignedText(JSON.parse(known.key) as Json) === unsignedText(key)) continue;
          throw invalidParam(`One-time key ${algorithm}:${keyId} already exists with another value.`);
        }
        if (wasClaimed.get(userId, deviceId, digestOf({ algorithm, keyId, key })) !== undefined) continue;
        insert.run(userId, deviceId, algorithm, keyId, JSON.stringify(key));
      }
      if (keys.length === 0) return;
      forgetClaimed.run(userId, deviceId, mostRemembered);
      changed(transaction, userId, deviceId);
    },
    setFallback(transaction, userId, deviceId, keys) {
      for (const { algorithm, keyId, key } of keys) {
        saveFallback.run(userId, deviceId, algorithm, keyId, canonicalJson(key));
      }
      if (keys.length > 0) changed(transaction, userId, deviceId);
    },
    claim(transaction, userId, deviceId, algorithm) {
      const named = (row: KeyRow): NamedKey => ({
        algorithm,
        keyId: row.key_id,
        key: JSON.parse(row.key) as Json,
      });
      const [oneTime] = take.all(userId, deviceId, algorithm).map(named);
      if (oneTime) noteClaimed.run(userId, deviceId, digestOf(oneTime));
      const claimed = oneTime ?? useFallback.all(userId, deviceId, algorithm).map(named)[0];
      if (claimed) changed(transaction, userId, deviceId);
      return claimed;
    },
    removeDevice(transaction, userId, deviceId) {
      removeKeys.run(userId, deviceId);
      removeClaimed.run(userId, deviceId);
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

const digestOf = ({ algorithm, keyId, key }: NamedKey): string =>
  createHash("sha256")
    .update(canonicalJson([algorithm, keyId, unsignedText(key)]))
    .digest("base64");
