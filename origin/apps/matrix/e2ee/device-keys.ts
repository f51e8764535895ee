import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import { canonicalJson } from "../events/canonical-json.ts";
import type { Json, JsonObject } from "../events/event.ts";
import { invalidParam, MatrixError } from "../matrix-error.ts";
import type { DeviceLists } from "./device-lists.ts";
import { createKeySignatures, withSignatures } from "./key-signatures.ts";
import { createOneTimeKeys, type NamedKey } from "./one-time-keys.ts";
import type { UserDevices } from "./user-devices.ts";

/** The public keys of devices (specification §Key management API): what encrypted rooms are built on. */
export interface DeviceKeys {
  /** Stores what a device publishes; 400 M_INVALID_PARAM for a one-time key id that stands for another key already. */
  upload(transaction: Transaction, userId: string, deviceId: string, upload: KeyUpload): void;
  /** Unclaimed one-time keys by algorithm; `signed_curve25519` is always there, since clients read absence as "unknown". */
  counts(userId: string, deviceId: string): Readonly<Record<string, number>>;
  /** The algorithms whose fallback key nobody has been given yet. */
  unusedFallbackTypes(userId: string, deviceId: string): readonly string[];
  /**
   * User id → device id → keys. An empty list of devices asks for all; who is unknown has an empty map. The
   * signatures are those that `reader` may see.
   */
  query(asked: ReadonlyMap<string, readonly string[]>, reader: string): JsonObject;
  /** What a device has published; undefined once it is gone. */
  published(userId: string, deviceId: string): JsonObject | undefined;
  /** Of those that have one, `<algorithm>:<key id>` → key. Each one-time key is given out once, oldest first. */
  claim(
    transaction: Transaction,
    asked: readonly Claim[],
  ): { readonly userId: string; readonly deviceId: string; readonly key: JsonObject }[];
  /** The device is gone, and its keys with it: whoever shares a room hears of it. */
  removeDevice(transaction: Transaction, userId: string, deviceId: string): void;
}

/** One key of that algorithm, of that device. */
export interface Claim {
  readonly userId: string;
  readonly deviceId: string;
  readonly algorithm: string;
}

export interface KeyUpload {
  readonly deviceKeys: JsonObject | undefined;
  readonly oneTimeKeys: readonly NamedKey[];
  readonly fallbackKeys: readonly NamedKey[];
}

export function createDeviceKeys(parts: {
  database: Database;
  deviceLists: DeviceLists;
  userDevices: UserDevices;
}): DeviceKeys {
  const { database, deviceLists, userDevices } = parts;
  const find = database.prepare<{ keys: string }>(
    "SELECT keys FROM device_keys WHERE user = ? AND device = ?",
  );
  const ofUser = database.prepare<{ device: string; keys: string }>(
    "SELECT device, keys FROM device_keys WHERE user = ?",
  );
  const save = database.prepare(
    `INSERT INTO device_keys (user, device, keys) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET keys = excluded.keys`,
  );
  const remove = database.prepare("DELETE FROM device_keys WHERE user = ? AND device = ?");
  const oneTime = createOneTimeKeys(database);
  const keySignatures = createKeySignatures(database);

  /** Devices that are there: an ended session's keys must not be encrypted to, even before they are swept away. */
  function devicesOf(userId: string, wanted: readonly string[], reader: string): [string, Json][] {
    const names = new Map(userDevices.of(userId).map((device) => [device.deviceId, device.displayName]));
    const signatures = keySignatures.on(userId, reader);
    const found: [string, Json][] = [];
    for (const { device, keys } of ofUser.all(userId)) {
      const name = names.get(device);
      if (name === undefined || (wanted.length > 0 && !wanted.includes(device))) continue;
      const unsigned = name === null ? {} : { unsigned: { device_display_name: name } };
      const signed = withSignatures(JSON.parse(keys) as JsonObject, signatures.get(device));
      found.push([device, { ...signed, ...unsigned }]);
    }
    return found;
  }

  return {
    upload(transaction, userId, deviceId, { deviceKeys, oneTimeKeys, fallbackKeys }) {
      // The session may have ended while the body was on its way.
      if (!userDevices.has(userId, deviceId)) {
        throw new MatrixError(401, "M_UNKNOWN_TOKEN", "This device has been signed out.", {
          soft_logout: false,
        });
      }
      if (deviceKeys) {
        if (deviceKeys["user_id"] !== userId || deviceKeys["device_id"] !== deviceId) {
          throw invalidParam("device_keys must name the user and the device that upload them.");
        }
        const { unsigned: _, ...signed } = deviceKeys;
        const text = canonicalJson(signed);
        const before = find.get(userId, deviceId)?.keys;
        if (before !== text) {
          // Other keys under the same name: what was said of the old ones does not hold for them.
          if (before !== undefined) keySignatures.remove(userId, deviceId);
          save.run(userId, deviceId, text);
          deviceLists.noteChange(transaction, userId);
        }
      }
      oneTime.add(transaction, userId, deviceId, oneTimeKeys);
      oneTime.setFallback(transaction, userId, deviceId, fallbackKeys);
    },
    counts: (userId, deviceId) => oneTime.supply(userId, deviceId).counts,
    unusedFallbackTypes: (userId, deviceId) => oneTime.supply(userId, deviceId).unusedFallbackTypes,
    query(asked, reader) {
      const answer: [string, Json][] = [];
      for (const [userId, wanted] of asked)
        answer.push([userId, Object.fromEntries(devicesOf(userId, wanted, reader))]);
      return Object.fromEntries(answer);
    },
    published(userId, deviceId) {
      const row = userDevices.has(userId, deviceId) ? find.get(userId, deviceId) : undefined;
      return row && (JSON.parse(row.keys) as JsonObject);
    },
    claim: (transaction, asked) =>
      asked.flatMap(({ userId, deviceId, algorithm }) => {
        if (!userDevices.has(userId, deviceId)) return [];
        const found = oneTime.claim(transaction, userId, deviceId, algorithm);
        return found ? [{ userId, deviceId, key: { [`${found.algorithm}:${found.keyId}`]: found.key } }] : [];
      }),
    removeDevice(transaction, userId, deviceId) {
      oneTime.removeDevice(transaction, userId, deviceId);
      keySignatures.remove(userId, deviceId);
      if (remove.run(userId, deviceId).changes > 0) deviceLists.noteChange(transaction, userId);
    },
  };
}
