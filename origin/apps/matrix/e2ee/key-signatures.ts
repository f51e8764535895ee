import type { Database } from "../../../storage/database.ts";
import type { Json, JsonObject } from "../events/event.ts";

/** Signatures that were put on a key after it was uploaded. All but `on` only inside a write. */
export interface KeySignatures {
  /** False when it was known already. */
  add(signature: KeySignature): boolean;
  /**
   * The signatures on the user's keys that `reader` may see, by key id: the user's own, and the reader's own
   * (whom one has verified is nobody else's business).
   */
  on(userId: string, reader: string): ReadonlyMap<string, readonly KeySignature[]>;
  /** Drops what was said of the key, and what it said of others. `keyId` is a device id or a public key. */
  remove(userId: string, keyId: string): void;
}

export interface KeySignature {
  readonly user: string;
  readonly keyId: string;
  readonly signer: string;
  /** With its algorithm: `ed25519:ID`. */
  readonly signerKey: string;
  readonly signature: string;
}

export function createKeySignatures(database: Database): KeySignatures {
  const insert = database.prepare(
    `INSERT INTO key_signatures (user, key_id, signer, signer_key, signature) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET signature = excluded.signature WHERE signature <> excluded.signature`,
  );
  const visible = database.prepare<KeySignature>(
    `SELECT user, key_id AS keyId, signer, signer_key AS signerKey, signature FROM key_signatures
     WHERE user = ?1 AND signer IN (?1, ?2)`,
  );
  const removeOn = database.prepare("DELETE FROM key_signatures WHERE user = ? AND key_id = ?");
  const removeBy = database.prepare("DELETE FROM key_signatures WHERE signer = ? AND signer_key = ?");
  return {
    add: ({ user, keyId, signer, signerKey, signature }) =>
      insert.run(user, keyId, signer, signerKey, signature).changes > 0,
    on: (userId, reader) => Map.groupBy(visible.all(userId, reader), (row) => row.keyId),
    remove(userId, keyId) {
      removeOn.run(userId, keyId);
      removeBy.run(userId, `ed25519:${keyId}`);
    },
  };
}

/** The key with further signatures beside those that it was uploaded with. */
export function withSignatures(key: JsonObject, added: readonly KeySignature[] | undefined): JsonObject {
  if (!added) return key;
  const signatures = new Map(
    Object.entries((key["signatures"] ?? {}) as JsonObject).map(([user, by]): [string, Map<string, Json>] => [
      user,
      new Map(Object.entries(by as JsonObject)),
    ]),
  );
  for (const { signer, signerKey, signature } of added) {
    const by = signatures.get(signer) ?? new Map<string, Json>();
    signatures.set(signer, by.set(signerKey, signature));
  }
  const merged = [...signatures].map(([user, by]): [string, Json] => [user, Object.fromEntries(by)]);
  return { ...key, signatures: Object.fromEntries(merged) };
}
