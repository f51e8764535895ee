import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Json, JsonObject } from "../events/event.ts";
import { forbidden, MatrixError, missingParam } from "../matrix-error.ts";
import type { DeviceKeys } from "./device-keys.ts";
import type { DeviceLists } from "./device-lists.ts";
import { createKeySignatures, withSignatures } from "./key-signatures.ts";
import { isSignature, signatureBy, signedText } from "./signed-json.ts";
import type { UserDevices } from "./user-devices.ts";

/** A person's own keys, which vouch for their devices and for other people (specification §Cross-signing). */
export interface CrossSigning {
  /** Whether the upload brings another key than those there are: then the member must show who they are. */
  replaces(userId: string, upload: CrossSigningUpload): boolean;
  /**
   * Stores the keys. `confirmed`: the member has shown who they are. Throws 400 M_INVALID_SIGNATURE where the
   * master key has not signed the others, 400 M_MISSING_PARAM without a master key, 403 for a key named like a device.
   */
  upload(transaction: Transaction, userId: string, upload: CrossSigningUpload, confirmed: boolean): void;
  /**
   * Adds signatures to keys: user id → device id or public key → the signed key. Gives what was refused, in the
   * same shape, with the error of each.
   */
  sign(transaction: Transaction, signer: string, signed: SignedKeys): JsonObject;
  /** The user's keys as `reader` may see them: the user-signing key is its owner's only. */
  keysOf(userId: string, reader: string): ReadonlyMap<KeyUsage, JsonObject>;
  /** The account is gone: nothing vouches for it any more, nor it for others. */
  removeAll(transaction: Transaction, userId: string): void;
}

export type KeyUsage = "master" | "self_signing" | "user_signing";
/** A key with the unpadded base64 public key that is its name. */
export interface CrossSigningKey {
  readonly publicKey: string;
  readonly key: JsonObject;
}
export type CrossSigningUpload = ReadonlyMap<KeyUsage, CrossSigningKey>;
export type SignedKeys = ReadonlyMap<string, ReadonlyMap<string, JsonObject>>;

export function createCrossSigning(parts: {
  database: Database;
  deviceLists: DeviceLists;
  deviceKeys: DeviceKeys;
  userDevices: UserDevices;
}): CrossSigning {
  const { database, deviceLists, deviceKeys, userDevices } = parts;
  const keySignatures = createKeySignatures(database);
  const ofUser = database.prepare<{ usage: KeyUsage; public_key: string; key: string }>(
    "SELECT usage, public_key, key FROM cross_signing_keys WHERE user = ?",
  );
  const save = database.prepare(
    `INSERT INTO cross_signing_keys (user, usage, public_key, key) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET public_key = excluded.public_key, key = excluded.key`,
  );
  const remove = database.prepare("DELETE FROM cross_signing_keys WHERE user = ? AND usage = ?");

  function stored(userId: string): Map<KeyUsage, CrossSigningKey> {
    return new Map(
      ofUser
        .all(userId)
        .map((row) => [row.usage, { publicKey: row.public_key, key: JSON.parse(row.key) as JsonObject }]),
    );
  }

  function replaces(userId: string, upload: CrossSigningUpload): boolean {
    const known = stored(userId);
    if (!known.has("master")) return false;
    return [...upload].some(([usage, { publicKey }]) => known.get(usage)?.publicKey !== publicKey);
  }

  /** The user's own devices among those that have signed the master key. */
  function deviceSigners(key: JsonObject, userId: string): Signers {
    const signers = new Map<string, string>();
    for (const { deviceId } of userDevices.of(userId)) {
      const name = `ed25519:${deviceId}`;
      if (signatureBy(key, userId, name) === undefined) continue;
      const keys = deviceKeys.published(userId, deviceId)?.["keys"];
      const publicKey = (keys as JsonObject | undefined)?.[name];
      if (typeof publicKey === "string") signers.set(name, publicKey);
    }
    return signers;
  }

  function check(userId: string, upload: CrossSigningUpload): void {
    const master = upload.get("master") ?? stored(userId).get("master");
    if (!master) throw missingParam("Upload a master key first: there is none yet.");
    const devices = new Set(userDevices.of(userId).map((device) => device.deviceId));
    for (const [usage, { publicKey, key }] of upload) {
      if (devices.has(publicKey)) throw forbidden("A cross-signing key must not be named like a device.");
      if (usage === "master") continue;
      const signature = signatureBy(key, userId, `ed25519:${master.publicKey}`);
      if (signature === undefined || !isSignature(key, signature, master.publicKey)) {
        throw new MatrixError(400, "M_INVALID_SIGNATURE", `The master key has not signed the ${usage} key.`);
      }
    }
  }

  return {
    replaces,
    upload(transaction, userId, upload, confirmed) {
      check(userId, upload);
      // Somebody else's upload may have come between the question and the write.
      if (!confirmed && replaces(userId, upload)) {
        throw forbidden("Other keys were uploaded in the meantime. Try again.");
      }
      const known = stored(userId);
      const renewed =
        upload.has("master") && upload.get("master")?.publicKey !== known.get("master")?.publicKey;
      for (const [usage, { publicKey }] of known) {
        const next = upload.get(usage);
        // What the old master key vouched for is worth nothing under the new one.
        const ended = next ? next.publicKey !== publicKey : renewed;
        if (!ended) continue;
        remove.run(userId, usage);
        keySignatures.remove(userId, publicKey);
      }
      let changed = false;
      for (const [usage, { publicKey, key }] of upload) {
        if (known.get(usage)?.publicKey === publicKey) continue;
        save.run(userId, usage, publicKey, JSON.stringify(key));
        changed = true;
      }
      if (changed) deviceLists.noteChange(transaction, userId);
    },
    sign(transaction, signer, signed) {
      const own = stored(signer);
      const changed = new Set<string>();
      const failures: [string, Json][] = [];
      for (const [user, byKey] of signed) {
        const master = (user === signer ? own : stored(user)).get("master");
        const failed: [string, Json][] = [];
        for (const [keyId, key] of byKey) {
          const isMaster = master?.publicKey === keyId;
          const ownDevice = user === signer ? deviceKeys.published(user, keyId) : undefined;
          const target = isMaster ? master.key : ownDevice;
          if (!target) {
            failed.push([keyId, { errcode: "M_NOT_FOUND", error: "There is no such key to sign." }]);
            continue;
          }
          const signers =
            isMaster && user === signer
              ? deviceSigners(key, signer)
              : crossSigners(own.get(user === signer ? "self_signing" : "user_signing"));
          const valid = signedText(key) === signedText(target) ? validSignatures(key, signer, signers) : [];
          if (valid.length === 0) {
            failed.push([keyId, { errcode: "M_INVALID_SIGNATURE", error: "The signature is not valid." }]);
          }
          for (const { signerKey, signature } of valid) {
            if (keySignatures.add({ user, keyId, signer, signerKey, signature })) changed.add(user);
          }
        }
        if (failed.length > 0) failures.push([user, Object.fromEntries(failed)]);
      }
      for (const user of changed) {
        if (user === signer) deviceLists.noteChange(transaction, signer);
        else deviceLists.noteChangeFor(transaction, user, signer);
      }
      return Object.fromEntries(failures);
    },
    keysOf(userId, reader) {
      const signatures = keySignatures.on(userId, reader);
      const keys = new Map<KeyUsage, JsonObject>();
      for (const [usage, { publicKey, key }] of stored(userId)) {
        if (usage === "user_signing" && userId !== reader) continue;
        keys.set(usage, withSignatures(key, signatures.get(publicKey)));
      }
      return keys;
    },
    removeAll(transaction, userId) {
      const known = stored(userId);
      for (const [usage, { publicKey }] of known) {
        remove.run(userId, usage);
        keySignatures.remove(userId, publicKey);
      }
      if (known.size > 0) deviceLists.noteChange(transaction, userId);
    },
  };
}

/** A key that may vouch, by its name with the algorithm. */
type Signers = ReadonlyMap<string, string>;

const crossSigners = (key: CrossSigningKey | undefined): Signers =>
  new Map(key ? [[`ed25519:${key.publicKey}`, key.publicKey]] : []);

function validSignatures(key: JsonObject, signer: string, signers: Signers) {
  const valid: { signerKey: string; signature: string }[] = [];
  for (const [signerKey, publicKey] of signers) {
    const signature = signatureBy(key, signer, signerKey);
    if (signature !== undefined && isSignature(key, signature, publicKey))
      valid.push({ signerKey, signature });
  }
  return valid;
}
